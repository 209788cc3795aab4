"""Tests of the kept reports as a browser shows them: narrow and wide, light and dark, folded and open, and in print.

They need Chromium, which not every machine has: without it they are skipped, and say what to install. The pages are built from
the kept tables.
"""

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from freerun.analysis import outputs
from freerun.store.results_folder import Place

RESULTS = Path(__file__).parents[3] / "results"
KEPT = ("first_look", "path_star")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser looks at the pages: apt-get install chromium"),
]
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


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of results with the pages of the kept studies."""
    results = tmp_path_factory.mktemp("kept") / "results"
    for name in KEPT:
        shutil.copytree(RESULTS / name, results / name)
        outputs.of(name, Place(results=results)).write_report()
    return results


def chromium(*words):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=True).stdout


def brightness(colour):
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_the_window_and_ink_differs_from_paper(name, width, dark, built, tmp_path):
    """Tables scroll in boxes of their own; figures stay on white."""
    page = (built / name / "report.html").read_text()
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
def test_in_print_it_has_a_few_pages(name, built, tmp_path):
    target = tmp_path / "print.pdf"
    chromium(f"--print-to-pdf={target}", f"file://{built / name / 'report.html'}")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", target.read_bytes())) <= PAGES
