from augmill.tasks.html_pages.elements import Markup, table


def test_a_short_cell_stays_on_one_line_and_a_long_one_may_break():
    made = table(["", "told"], [[Markup('<span class="good">holds</span>'), "a" * 60]])
    assert '<td class="s"><span class="good">holds</span></td>' in made
    assert f"<td>{'a' * 60}</td>" in made
