"""The catalogue of transforms is this folder: `use: tabular.smote` is `tabular/smote.py`."""
