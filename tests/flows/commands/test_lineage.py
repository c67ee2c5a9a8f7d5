"""What `augmill lineage` refuses before it asks a store."""

from augmill.flows.cli import main


def test_a_page_in_a_bucket_is_not_handed_to_a_browser(monkeypatch, capsys):
    monkeypatch.setenv("AUGMILL_LAKE", "s3://nobody-asks-for-it/lake")
    assert main(["lineage", "wine", "--open"]) == 2
    assert "--to FILE" in capsys.readouterr().err
