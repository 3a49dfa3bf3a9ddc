# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Texts that do harm where they are taken for anything but text, and a way to put them into Redis past all rules for names."""

from __future__ import annotations

import socket

#: What a browser might run. `alert` and the title tell of it.
MARKUP = [
    "<script>alert(1)</script>", "<SCRIPT SRC=//evil.example/x.js></SCRIPT>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "<img src=x:alert(alt) onerror=eval(src) alt=1>", "<svg onload=alert(1)>", "<svg/onload=alert(1)//", "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>", "<svg><use href=data:image/svg+xml,x#x>", "<math><mi xlink:href=javascript:alert(1)>x",
    "<iframe src=javascript:alert(1)>", "<iframe srcdoc='<script>alert(1)</script>'>", "<object data=javascript:alert(1)>", "<embed src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>", "<form action=javascript:alert(1)><input type=submit>", "<input autofocus onfocus=alert(1)>",
    "<button popovertarget=x onclick=alert(1)>", "<details open ontoggle=alert(1)>", "<video><source onerror=alert(1)>", "<audio src=x onerror=alert(1)>",
    "<body onload=alert(1)>", "<base href=//evil.example/>", "<link rel=stylesheet href=//evil.example/x.css>", "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<style>@import '//evil.example/x.css'</style>", "<style>*{background:url(//evil.example)}</style>", "<marquee onstart=alert(1)>", "<template><script>alert(1)</script>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "<textarea></textarea><script>alert(1)</script>", "<title></title><script>alert(1)</script>",
    "<table><td background=javascript:alert(1)>", "<isindex type=image src=1 onerror=alert(1)>", "<xss style=animation-name:x onanimationend=alert(1)>",
    "<!--><script>alert(1)</script>-->", "<![CDATA[<script>alert(1)</script>]]>", "<?xml version='1.0'?><x/>", "<<script>script>alert(1)<</script>/script>",
    "<scr\0ipt>alert(1)</scr\0ipt>", "<img src=`x` onerror=alert(1)>", "<IMG \"\"\"><SCRIPT>alert(1)</SCRIPT>\">", "<p id=main>", "<p name=body>", "<img name=getElementById>",
    "</bdi></td></tr></table><script>alert(1)</script>", "</title><h1>owned", "</main><nav>", "</pre>", "<bdo dir=rtl>x", "<plaintext>", "<select><option>", "<wbr>", "<%= 7*7 %>",
]
#: What gets out of an attribute, a string, an address or a template.
CONTEXTS = [
    "\" onmouseover=alert(1) x=\"", "' onmouseover=alert(1) x='", "` onmouseover=alert(1)", "\"><script>alert(1)</script>", "'><img src=x onerror=alert(1)>", "x onclick=alert(1)",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", " javascript:alert(1)", "javascript://%0aalert(1)", "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)", "//evil.example", "https://evil.example/", "\\\\evil.example", "/\\evil.example", "http:evil.example", "?x=<script>", "#<script>alert(1)</script>", "/../../etc/passwd",
    "..%2f..%2fetc", "%3Cscript%3Ealert(1)%3C/script%3E", "&lt;script&gt;alert(1)&lt;/script&gt;", "&#60;script&#62;", "&#x3c;script>", "\\u003cscript\\u003e", "\\x3cscript\\x3e", "+ADw-script+AD4-",
    "{{7*7}}", "{{constructor.constructor('alert(1)')()}}", "${7*7}", "${alert(1)}", "#{7*7}", "<%=7*7%>", "[[7*7]]", "{%raw%}", "*{7*7}", "@{7*7}", "';alert(1)//", "\";alert(1)//", "`;alert(1)//",
    "\\';alert(1)//", "-alert(1)-", "*/alert(1)/*", "]]>", "--></script>", "\r\nSet-Cookie: x=1", "\r\n\r\n<script>alert(1)</script>", "x\ndata: {}\n\n", "event: reset\n\n", "=cmd|'/c calc'!A1",
    "@import url(x)", "expression(alert(1))", "url(javascript:alert(1))", "};alert(1);{", "\"})alert(1)//", "[data-key=why]", "\"] , body [x=\"", "a:hover{}", "tr[data-key]", "*", "\\", "'", "\"", "`",
]
#: Names that objects have, numbers, nothing, and what text itself can do.
TEXTS = [
    "__proto__", "constructor", "prototype", "toString", "valueOf", "hasOwnProperty", "then", "undefined", "null", "true", "NaN", "Infinity", "-0", "0", "1e309", "9007199254740993",
    "[object Object]", " ", "  x  ", "\t", "\n", "a\nb", "\u202egnp.exe", "\u2067\u05d0\u05d1\u05d2", "\u200f\u200e", "\u2028", "\u2029", "\ufeff", "\u200b", "\u00ad", "\ufffd", "\u0000", "\u0007\u001b[2J",
    "\u001b]0;owned\u0007", "\u0085", "\u180e", "Z\u0351\u036b\u0343\u036a", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U000e0001\U000e0041", "\U0010ffff", "\u0130\u0131", "\uff1cscript\uff1e", "\u2039b\u203a",
    "\u0e33\u0e4d", "id:x", "state:dead type:*", "a=b&c=d", "%", "%zz", "%00", "+", ";", "a b", "/", "//", "?", "#", ".", "..", ":", "@", "{", "}", "{x}", "}:{", "a/1",
]
CORPUS = list(dict.fromkeys(MARKUP + CONTEXTS + TEXTS))
#: No UTF-8: what is shown of them is for the server to say.
BROKEN = [b"\xff\xfe", b"\xc3(", b"\xed\xa0\x80", b"<script>\x80alert(1)</script>", b"\xf0\x9f\x92"]
#: Without a place to break.
LONG = ["x" * (1 << 20), "<b>" * 100_000, "\u202e" * 10_000]


class Redis:
    """Says to a Redis whatever it is told to, in bytes."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words: str | bytes | int) -> object:
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self.read()

    def read(self) -> object:
        line = self.file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        match kind:
            case b"+": return rest.decode()
            case b":": return int(rest)
            case b"-": raise RuntimeError(rest.decode())
            case b"$":
                size = int(rest)
                return None if size < 0 else self.file.read(size + 2)[:-2]
            case b"*": return [self.read() for _ in range(int(rest))]
        raise RuntimeError(f"no answer of Redis: {line!r}")

    def close(self) -> None:
        self.file.close()
        self.socket.close()
