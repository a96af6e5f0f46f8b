"""Files that people really have, and the pieces that spoil them: for what makes hostile input."""

from pathlib import Path

from tests.support.workbook import DATE, ERROR, Cell, sheet_of, workbook

_SAMPLES = Path(__file__).parents[2] / "samples"
BOOKS = [
    workbook([["phone", "param1"], [13800138000, Cell("0.5", format="0%")], ["1", ERROR]]),
    workbook([[], [None, "phone"], [None, DATE]], names=["A"], shared=False),
    sheet_of(
        '<row r="1"><c r="A1" t="str"><v>phone</v></c></row>'
        '<row r="2" hidden="1"><c r="A2"><f>1+1</f><v>2</v></c></row>'
        '<row r="3"><c r="A3"><f>B1</f></c></row>'
    ),
]
TEXTS = [
    *(path.read_bytes() for path in sorted(_SAMPLES.iterdir()) if path.suffix != ".xlsx"),
    "sep=;\r手机号;变量1\r1;2\r".encode("utf-16"),
    "手机号,变量1\n13800138000,张三\n".encode("gb18030"),
    b'{"phone":"1","params":["a",1.50,null]}\n{"PHONE":2,"param1":"\\ud83d\\ude00"}\n',
    b'[{"phone":"1","x":{"b":[1]},"sender":null},{"phone":1e3},{"outcome":"accepted"},[],3]',
    b'phone,params,outcome\n1,"[""a"",5,null]",\n2,"[1e400]",accepted\n3, "[]" ,\n',
]
PIECES = [
    *(b'\0 \r \n \r\n " "" , ; \t | { } [ ] : \\ ( ) + < > </c> <f> <v> <c <row'.split(b" ")),
    *(b'\\u0000 \\ud800 1e999 1e99999999999999999999 NaN null true "TaskContent":'.split()),
    *(b"sep= phone param1 params outcome accepted E+10 .0 XFD1048576 A0 _x0000_ &#0;".split()),
    *(b"\xef\xbb\xbf \xff\xfe \xfe\xff \xff \xe2\x80\xa8 \xed\xa0\x80 \xef\xbf\xbf".split()),
    *(b' r="A1"| t="e"| s="1"| hidden="1"|<!--|<![CDATA['.split(b"|")),
    b"9" * 400,
    b"[" * 1200,
    b'{"a":' * 1200,
]
