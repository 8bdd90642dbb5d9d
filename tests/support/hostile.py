"""Tickers and names as a vendor could send them, to hurt whoever does not expect them."""

WORDS = ("NA", "NULL", "NaN", "TRUE", "None", "1E5", "-1", "0x1F", "\\N")
"""What a careless reader takes for something else than text."""

SYNTAX = (
    *("BRK.B", "O'NEIL", "O''NEIL", 'A"B', 'A""B', "A`B", "A;DROP TABLE x--", "A/*B", "A\\'B"),
    *("A\\", "A\\\\B", "%s", "%(first)s", "%%", "{}", "{0}", "{ticks}", "{session:Date}", ":A"),
    *("{{ 7*7 }}", "{{ var('first_session') }}", "{% raw %}", "{# A #}", "$(id)", "`id`", "${A}"),
    *("../../etc", "/etc/passwd", "A/B", "A?apiKey=1", "A#B", "A&B", "A=B", "A B", "A,B", "A|B"),
    *("=1+1", "@all", "<b>A</b>", "<!channel>", "<script>alert(1)</script>", "[bold]A[/x]"),
    *("[A](http://evil.example)", "](http://evil.example/a.png)![", "javascript:alert(1)"),
)
"""What means something to SQL, Jinja, a shell, an address, Markdown, HTML, Slack or a terminal."""

UNICODE = ("ÄÖ", "A\u200fB", "A\u202eB", "\U0001f600", "A\u0301", "\ufeffA", "\uff21", "A\u2028B")
"""Letters with accents, marks that turn a line around, characters beyond 16 bits, lookalikes."""

CONTROL = ("A\x1b[31mB", "A\x07B", "A\tB")
"""What moves a terminal's cursor."""

LONG = "L" * 3000

TICKERS = (*WORDS, *SYNTAX, *UNICODE, *CONTROL, LONG)
