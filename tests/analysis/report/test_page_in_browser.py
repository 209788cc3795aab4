"""Tests of the kept reports as a browser shows them: narrow and wide, light and dark, folded and open, and in print.

They need Chromium, which not every machine has, so that they belong to the slow tier; without it they fail and say so, since a
page that nobody has looked at is not known to be readable.
"""

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RESULTS = Path(__file__).parents[3] / "results"
KEPT = sorted(path.parent.name for path in RESULTS.glob("*/report.html") if (path.parent / "study.json").exists())
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: Most pages of a report in print.
PAGES = 8
#: What a frame of some width says of the page in it: what is wider than the frame, its colours, and its size.
PROBE = """
<body><iframe id="frame" width="WIDTH" height="900" srcdoc="PAGE"></iframe><pre id="said"></pre><script>
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement, style = frame.contentWindow.getComputedStyle(page.body);
  const folded = root.scrollWidth;
  page.querySelectorAll("details").forEach(one => one.open = true);
  const image = page.querySelector("figure img");
  said.textContent = [folded, root.scrollWidth, style.color, style.backgroundColor,
    image ? frame.contentWindow.getComputedStyle(image).backgroundColor : "", page.scripts.length].join("; ");
};
</script></body>
"""


def chromium(*words):
    assert CHROMIUM, "install Chromium to look at the pages: apt-get install chromium"
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=True).stdout


def brightness(colour):
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_the_window_and_ink_differs_from_paper(name, width, dark, tmp_path):
    """Tables scroll in boxes of their own; figures stay on white."""
    page = (RESULTS / name / "report.html").read_text()
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.replace("WIDTH", str(width)).replace("PAGE", html.escape(page)))
    scheme = f"--blink-settings=preferredColorScheme={int(not dark)}"
    shown = re.search(
        r'<pre id="said">(.*?)</pre>', chromium(scheme, "--virtual-time-budget=20000", "--dump-dom", f"file://{probe}")
    )
    folded, opened, ink, paper, card, scripts = shown[1].split("; ")
    assert int(folded) <= width
    assert int(opened) <= width
    assert abs(brightness(ink) - brightness(paper)) > 150
    assert (brightness(paper) < 100) == dark
    assert brightness(card) == 255
    assert scripts == "0"


@pytest.mark.parametrize("name", KEPT)
def test_in_print_it_has_a_few_pages(name, tmp_path):
    target = tmp_path / "print.pdf"
    chromium(f"--print-to-pdf={target}", f"file://{RESULTS / name / 'report.html'}")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", target.read_bytes())) <= PAGES
