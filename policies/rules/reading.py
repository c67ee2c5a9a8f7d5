"""AUG0xx and the rest of what is found while a policy is read: explanations, and keys that betray an intent."""

from __future__ import annotations

DOCS = {
    "AUG001": """The file cannot be read as a policy.

    Why: It is missing, a folder, empty, larger than 1 MiB, not UTF-8, or holds something else.
    Fix: As the finding says; `augmill init` drafts a policy from data.
    """,
    "AUG002": """The YAML is broken, or holds what a policy may not hold.

    Why: Tags can run code, anchors can contain themselves or multiply without end, merge keys and double keys
        hide what is meant. Scalars follow YAML 1.2: `yes`, `no`, `on`, `off` are texts; only true and false are
        booleans; a number with a leading zero must be quoted.
    Fix: Write the value out plainly.
    Bad:
        owner: !!python/object/apply:os.system [echo]
    Good:
        owner: data-team
    """,
    "AUG003": """A key that the grammar does not know.

    Why: An ignored key is a wish that is not granted; a misspelled one is granted by its default.
    Fix: Near misses are suggested; policies/policy.schema.json lists all keys, and editors complete them.
    Bad:
        lable: target
    Good:
        label: target
    """,
    "AUG004": """A value of the wrong type or out of bounds, or a key that is missing.

    Why: Values are not converted in silence: "5" is a text and 5 is a number.
    Fix: As the finding says. Quote texts that look like numbers or true/false; write pairs as [low, high].
    Bad:
        seed: "7"
    Good:
        seed: 7
    """,
    "AUG005": """A transform that does not exist, or works on another kind of data.

    Why: `use: tabular.smote` is the file tasks/transforms/tabular/smote.py, or a plug-in of that name.
    Fix: Near misses are suggested; `augmill list transforms` shows all.
    Bad:
        steps: [{name: a, transforms: [{use: tabular.smoot}], amount: {balance: true}}]
    Good:
        steps: [{name: a, transforms: [{use: tabular.smote}], amount: {balance: true}}]
    """,
    "AUG006": """A parameter that the transform does not take.

    Why: Libraries warn, ignore or fail late on bad parameters; here they are checked before a byte is read.
    Fix: Near misses and bounds are in the finding; `augmill show tabular.smote` lists the parameters.
    Bad:
        steps: [{name: a, transforms: [{use: tabular.smote, params: {k_neighbours: 3}}], amount: {balance: true}}]
    Good:
        steps: [{name: a, transforms: [{use: tabular.smote, params: {k_neighbors: 3}}], amount: {balance: true}}]
    """,
    "AUG007": """In the grammar, but not built yet.

    Why: What is accepted and ignored misleads; so it is refused.
    Fix: Remove it until it is built.
    Bad:
        modality: audio
    Good:
        modality: tabular
    """,
    "AUG008": """A plug-in that cannot be used.

    Why: It fails to import, lacks a declaration, has a name that is taken, or points at no module.
    Fix: Mend it at the file and line given; tasks/transforms/transform_contract.py says what a transform declares.
    """,
    "AUG009": """A suite, format, modality or custom expectation that does not exist.

    Why: A suite is `../expectations/NAME.yaml` as seen from the policy, or one that augmill brings along.
    Fix: Near misses are suggested.
    Bad:
        expectations: brest-cancer
    Good:
        expectations: breast-cancer
    """,
    "AUG010": """The suite of expectations cannot be read.

    Why: The file that `expectations:` names is missing, not UTF-8, broken YAML, or no map.
    Fix: As the finding says.
    """,
    "AUG011": """A wrong key or value in the suite of expectations.

    Why: The suite is as closed as the policy: what is not known is refused.
    Fix: As the finding says. A suite holds name, description, budget, columns and expectations.
    """,
    "AUG012": """An expectation that does not exist, or cannot judge rows.

    Why: Great Expectations drops an unknown type in silence, and a rule that is dropped never fails.
    Fix: Near misses are suggested; types have their Great Expectations names.
    """,
    "AUG102": """A policy asks to augment rows that are not training rows.

    Why: A child of a test row in training, or an augmented test set, makes every figure on it too good.
    Fix: Remove the key. Steps only ever see real training rows, and no switch changes that.
    Bad:
        steps: [{name: a, transforms: [{use: tabular.smote}], amount: {balance: true}, apply_to: test}]
    Good:
        steps: [{name: a, transforms: [{use: tabular.smote}], amount: {balance: true}}]
    """,
    "AUG103": """A policy asks not to keep the real rows.

    Why: Augmentation never replaces real rows: they are what every later version is made from and judged by.
    Fix: Remove the key. A training job can filter by `augmill_origin`.
    Bad:
        steps: [{name: a, transforms: [{use: tabular.smote}], amount: {balance: true}, keep_real: false}]
    Good:
        steps: [{name: a, transforms: [{use: tabular.smote}], amount: {balance: true}}]
    """,
    "AUG500": """A suppression without a reason, of a rule that does not exist, or that suppresses nothing.

    Why: `# noqa: AUG201 reason` is a decision; without its reason the next reader cannot judge it.
    Fix: Write the reason behind the code, or remove the comment.
    Bad:
        owner: data-team  # noqa: AUG502
    Good:
        owner: ""  # noqa: AUG502 the example of a rule belongs to nobody
    """,
}
