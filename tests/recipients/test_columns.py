"""Which column is what, by its name."""

import pytest

from usms_cli.errors import InputError, UsageError
from usms_cli.recipients.columns import ColumnFinder, Columns, refusal, same_name


def header(*names: str, phone_column: str | None = None, params: tuple[str, ...] = ()) -> Columns:
    return ColumnFinder("list.csv", phone_column, params).header(names)


def unused(*names: str, params: tuple[str, ...] = ()) -> list[str]:
    finder = ColumnFinder("list.csv", None, params)
    finder.header(names)
    return finder.unused


@pytest.mark.parametrize(
    "name",
    [
        "phone",
        "Phone Number",
        "PHONE_NUMBER",
        "phone-number",
        " ＰＨＯＮＥ　",
        "msisdn",
        "Mobile",
        "手机号",
        "手机号码",
        "手机",
        "电话",
        "Phone\u00a0Number",
        "手机\u3000号",
    ],
)
def test_a_phone_column_has_many_names(name: str) -> None:
    assert header("x", name).phone == 1


@pytest.mark.parametrize("name", ["template id", "TEMPLATE", "Template_ID", "模板ID", "模板"])
def test_a_template_column_has_many_names(name: str) -> None:
    assert header("phone", name).template == 1


@pytest.mark.parametrize("name", ["sender id", "SenderId", "签名", "发送方"])
def test_a_sender_column_has_many_names(name: str) -> None:
    assert header("phone", name).sender == 1


@pytest.mark.parametrize("name", ["param{}", "Param_{}", "参数{}", "变量 {}", "{{{}}}", "｛{}｝"])
def test_parameters_are_taken_by_number_and_not_by_place(name: str) -> None:
    assert header(name.format(2), "phone", name.format(1)).params == (2, 0)


def test_ten_parameters_are_in_the_order_of_numbers() -> None:
    names = [f"param{number}" for number in range(10, 0, -1)]
    assert header(*names, "phone").params == tuple(range(9, -1, -1))


def test_a_list_of_parameters_may_stand_in_one_column() -> None:
    assert header("phone", "Template Params").params_list == 1
    assert header("phone", "params").params_list == 1


def test_param_options_choose_columns_in_their_order() -> None:
    columns = header("phone", "Name", "param1", "Code", params=("code", "NAME", "code"))
    assert columns.params == (3, 1, 3)


def test_what_exports_add_is_a_parameter_only_when_named() -> None:
    assert header("phone", "reason", "source", "line", "outcome").params == ()
    assert header("phone", "reason", params=("reason",)).params == (1,)


def test_unused_columns_are_those_that_mean_nothing() -> None:
    assert unused("phone", "Name", "param1", "", "reason", "line", "City") == [
        '"Name"',
        "column 4 without a name",
        '"City"',
    ]
    assert unused("phone", "Name", "param1", params=("Name",)) == ['"param1"']


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("name", "city"), 'no column is the phone; the columns are "name", "city"'),
        (("phone", "mobile"), '"phone" and "mobile" could each be the phone'),
        (("phone", "a b", "A_B"), '"a b" and "A_B" are the same name'),
        (("phone", "param1", "param3"), 'parameter 2 is missing before "param3"'),
        (("phone", "param0", "param1"), 'parameter 1 is missing before "param0"'),
        (("phone", "param1", "参数1"), '"param1" and "参数1" are both parameter 1'),
        (("phone", "param1", "params"), 'both in "params" and in "param1"'),
        (("phone", "params", "template params"), "could each be params"),
        (("phone", "template", "模板"), "could each be the template"),
        (("phone", "sender", "sender id"), "could each be the sender"),
    ],
)
def test_an_unclear_header_is_an_error_and_not_a_choice(
    names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        header(*names)
    assert message in caught.value.message
    assert caught.value.message.startswith("list.csv")
    assert caught.value.hint


def test_phone_column_settles_which_of_two_is_the_phone() -> None:
    assert header("phone", "mobile", phone_column="Mobile").phone == 1
    assert header("cell", "x", phone_column="CELL").phone == 0


def test_options_that_name_an_absent_column_are_errors_of_the_call() -> None:
    with pytest.raises(UsageError, match="--phone-column"):
        header("phone", phone_column="cell")
    with pytest.raises(UsageError, match='--param "name"'):
        header("phone", params=("name",))


def test_keys_of_json_may_leave_out_what_others_have() -> None:
    finder = ColumnFinder("list.json", None, ("name",))
    assert finder.keys(("phone",)).params == (1,)
    with pytest.raises(UsageError, match="--param"):
        finder.finish()
    assert finder.keys(("phone", "Name")).params == (1,)
    finder.finish()


@pytest.mark.parametrize("outcome", ["accepted", "Unknown", " pending ", "delivered", "waiting"])
def test_people_who_were_messaged_are_refused(outcome: str) -> None:
    assert outcome.strip() in (refusal(outcome) or "")


@pytest.mark.parametrize("outcome", ["", "failed", "invalid", "duplicate", "undelivered", "yes"])
def test_people_who_were_not_messaged_are_not_refused(outcome: str) -> None:
    assert refusal(outcome) is None


def test_names_are_equal_whatever_their_case_width_and_spaces() -> None:
    assert same_name("Ｐａｒａｍ＿１ ") == same_name("param-1") == "param1"
