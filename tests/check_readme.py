#!/usr/bin/env python3
"""The README's table of keys is what `brisc describe` prints.

usage: check_readme.py BRISC [--write]
"""
import os
import re
import subprocess
import sys

table = subprocess.run([sys.argv[1], "describe", "--format", "markdown"], check=True,
                       stdout=subprocess.PIPE, text=True).stdout
readme = open("README.md").read()
wanted = re.sub(r"(?s)(<!-- describe -->\n).*?(<!-- /describe -->)",
                lambda m: m[1] + table + m[2], readme)
if "--write" in sys.argv:
    open("README.md", "w").write(wanted)
elif wanted != readme:
    sys.exit("README.md: the table of keys is old; tests/check_readme.py BRISC --write")
for image in re.findall(r"!\[[^]]*\]\(([^)]+)\)", wanted):
    if not os.path.exists(image):
        sys.exit(f"README.md: {image} is not there")
