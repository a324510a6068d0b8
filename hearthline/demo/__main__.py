"""`python -m hearthline.demo URL`: the robots' first shift at a running demonstration. Exit status 1 when something went wrong."""

from __future__ import annotations

import asyncio
import os
import sys

import django


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hearthline.settings")
    django.setup()
    from hearthline.demo.first_shift import work_first_shift

    return 0 if asyncio.run(work_first_shift(sys.argv[1])) else 1


if __name__ == "__main__":
    sys.exit(main())
