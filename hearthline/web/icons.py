"""The icons of the pages: our own drawings on a 24 by 24 grid, stroked in the colour of the text beside them.

An icon never stands for a word: it is decoration (`aria-hidden`) next to a label that says the same.
"""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

_DRAWINGS = {
    "alert": '<path d="M12 4 2.8 19.5h18.4Z"/><path d="M12 10v4.2M12 17v.1"/>',
    "arrow-left": '<path d="M19 12H5M11 6l-6 6 6 6"/>',
    "arrow-right": '<path d="M5 12h14M13 6l6 6-6 6"/>',
    "campaign": '<path d="M4 10v4l3 .6V9.4ZM7 9.4 18 6v12L7 14.6M9 15.2l1 4h2.6l-1-3.2"/><path d="M21 10v4"/>',
    "chart": '<path d="M4 4v16h16"/><path d="M8 16v-4M12 16V8M16 16v-6"/>',
    "check": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "chevron": '<path d="m6 9.5 6 6 6-6"/>',
    "clock": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5l3.3 2"/>',
    "copy": (
        '<rect x="9" y="9" width="11" height="11" rx="2"/>'
        '<path d="M15 9V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v7a2 2 0 0 0 2 2h3"/>'
    ),
    "download": '<path d="M12 4v11M7 10.5l5 5 5-5M5 20h14"/>',
    "edit": '<path d="m4 20 1-4L16.5 4.5a2.1 2.1 0 0 1 3 3L8 19Z"/>',
    "file": '<path d="M6 3.5h8l4.5 4.5v12.5H6Z"/><path d="M14 3.5V8h4.5"/>',
    "gear": (
        '<circle cx="12" cy="12" r="3"/>'
        '<path d="M12 3.5v3M12 17.5v3M3.5 12h3M17.5 12h3M6 6l2.1 2.1M15.9 15.9 18 18M18 6l-2.1 2.1'
        'M8.1 15.9 6 18"/>'
    ),
    "globe": '<circle cx="12" cy="12" r="8.5"/><path d="M3.5 12h17M12 3.5c5 5 5 12 0 17M12 3.5c-5 5-5 12 0 17"/>',
    "hangup": '<path d="M3 14.5c5-5 13-5 18 0l-2.5 3-4-1.6v-2.7a12 12 0 0 0-5 0v2.7l-4 1.6Z"/>',
    "headset": (
        '<path d="M4.5 15v-3a7.5 7.5 0 0 1 15 0v3"/>'
        '<path d="M4.5 13.5h3v6h-3ZM16.5 13.5h3v6h-3ZM19.5 19.5c0 1.5-2 2-5 2"/>'
    ),
    "help": (
        '<circle cx="12" cy="12" r="8.5"/>'
        '<path d="M9.7 9.6c.3-3 5-2.7 4.6.3-.2 1.6-2.3 1.7-2.3 3.7M12 16.7v.1"/>'
    ),
    "home": '<path d="M4 11 12 4l8 7v9h-5.5v-5.5h-5V20H4Z"/>',
    "link": (
        '<path d="M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1.3 1.3'
        'M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1.3-1.3"/>'
    ),
    "list": '<path d="M9 6h11M9 12h11M9 18h11M4.5 6v.1M4.5 12v.1M4.5 18v.1"/>',
    "logout": '<path d="M10 4H5v16h5M10 12h10M16 8l4 4-4 4"/>',
    "moon": '<path d="M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z"/>',
    "pause": '<path d="M8.5 5v14M15.5 5v14"/>',
    "people": (
        '<circle cx="9" cy="8.5" r="3.5"/>'
        '<path d="M2.5 19.5c.5-4 3-5.5 6.5-5.5s6 1.5 6.5 5.5M15.5 5.2a3.5 3.5 0 0 1 0 6.6'
        'M18 14.6c2 .8 3.2 2.4 3.5 4.9"/>'
    ),
    "phone": (
        '<path d="M5 4h4l2 5-2.5 1.8a12 12 0 0 0 4.7 4.7L15 13l5 2v4a1.5 1.5 0 0 1-1.6 1.5C10.5 20 4 13.5 '
        '3.5 5.6A1.5 1.5 0 0 1 5 4Z"/>'
    ),
    "play": '<path d="M7.5 5v14l11-7Z"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "search": '<circle cx="10.5" cy="10.5" r="6"/><path d="m15 15 5 5"/>',
    "shield": '<path d="M12 3.5 19.5 6v6c0 4.5-3 7.5-7.5 9-4.5-1.5-7.5-4.5-7.5-9V6Z"/>',
    "stop": '<rect x="6" y="6" width="12" height="12" rx="1.5"/>',
    "sun": (
        '<circle cx="12" cy="12" r="4"/>'
        '<path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4"/>'
    ),
    "trash": '<path d="M5 7h14M9.5 7V4h5v3M7 7l.8 13h8.4L17 7M10.5 11v5M13.5 11v5"/>',
    "upload": '<path d="M12 16V5M7 9.5l5-5 5 5M5 20h14"/>',
    "user": '<circle cx="12" cy="8.5" r="4"/><path d="M4.5 20.5c.5-5 3.5-6.5 7.5-6.5s7 1.5 7.5 6.5"/>',
    "wallet": (
        '<path d="M4 7.5h14.5a1.5 1.5 0 0 1 1.5 1.5v9.5a1.5 1.5 0 0 1-1.5 1.5H5.5A1.5 1.5 0 0 1 4 18.5Zm0 '
        '0L15.5 4v3.5M16 13.7v.1"/>'
    ),
    "x": '<path d="m6 6 12 12M18 6 6 18"/>',
}  # fmt: skip


def icon(name: str, css: str = "") -> SafeString:
    """An inline SVG; KeyError for a name that is not drawn."""
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>',
        css,
        mark_safe(_DRAWINGS[name]),  # noqa: S308 - our own drawings, above
    )
