"""A real browser without a window, and pages in it that may not complain nor ask for anything from outside."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import made_runs
from visioncli.evaluation.score import Resampling
from visioncli.report.build import Request, build

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--enable-precise-memory-info"),
)
SECONDS = 30.0
OWN = ("file:", "data:", "blob:", "about:", "chrome:")
"""What is no request to anywhere; the last is the tab that the browser itself begins with."""


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, PROGRAMS)))
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield started
    started.quit()


class Page:
    """A report in the browser."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.expected = ["willReadFrequently"]  # the tests themselves read what is drawn

    def open(self, path: Path, view: str = "", width: int = 1300, height: int = 850) -> None:
        """Opens the page at `path` with a part of its address behind #."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get("about:blank")
        self.driver.get(path.resolve().as_uri() + (f"#{view}" if view else ""))
        self.until("return document.body.dataset.ready === 'yes'")
        self.settle()

    def run(self, script: str, *args: Any) -> Any:
        """What a script answers."""
        return self.driver.execute_script(script, *args)

    def until(self, script: str, *args: Any) -> Any:
        """What a script answers, once that is true."""
        end = time.monotonic() + SECONDS
        while not (found := self.run(script, *args)):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.02)
        return found

    def press(self, *keys: str) -> None:
        """Types keys where the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def click(self, selector: str, text: str | None = None) -> None:
        """Clicks the first element of a selector, with this text in it."""
        from selenium.common.exceptions import StaleElementReferenceException

        script = (
            "const [selector, text] = arguments;"
            "const fits = (node) => text === null || node.textContent.includes(text);"
            "return [...document.querySelectorAll(selector)].find(fits)"
        )
        for _ in range(9):
            try:
                self.until(script, selector, text).click()
                break
            except StaleElementReferenceException:  # it was made anew in between
                continue

    def type(self, selector: str, text: str) -> None:
        """Types into a field."""
        self.until("return document.querySelector(arguments[0])", selector).send_keys(text)

    def shown(self) -> list[str]:
        """The pictures that are shown, in their order."""
        names: list[str] = self.run("return V.shown.map(V.named)")
        return names

    def cards(self) -> list[str]:
        """The words of the cards in sight, in their order."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll('#rows .card')].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet)"
            ".map((card) => card.innerText.replace(/\\n/g, ' '))"
        )
        return found

    def settle(self) -> None:
        """Waits until what follows a change is drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(() => done())))"
        )

    def ended(self) -> None:
        """Nothing was complained about, and nothing was asked for but files."""
        complaints = [
            one["message"]
            for one in self.driver.get_log("browser")
            if not any(words in one["message"] for words in self.expected)
        ]
        assert complaints == []
        asked: dict[str, str] = {}
        for one in self.driver.get_log("performance"):
            message = json.loads(one["message"])["message"]
            found = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                asked[found["requestId"]] = found["request"]["url"]
            elif message["method"] == "Network.loadingFailed" and found.get("blockedReason") == "csp":
                del asked[found["requestId"]]  # it never left the browser
        assert [url for url in asked.values() if not url.startswith(OWN)] == []


@pytest.fixture
def page(driver: Any) -> Iterator[Page]:
    """A page that is held to its promises at the end of each test."""
    for log in ("browser", "performance"):
        driver.get_log(log)
    found = Page(driver)
    yield found
    found.ended()


Report = Callable[..., Path]


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Makes a report of runs in the folder `tmp_path`, and returns its page."""
    monkeypatch.chdir(tmp_path)

    def make(*runs: Path, truth: Path | None = None, **options: Any) -> Path:
        given = {"how": Resampling(0), "truth": None if truth is None else str(truth)} | options
        return build(Request(tuple(map(str, runs)), tmp_path / "report", **given)).page

    return make


@pytest.fixture
def photos(tmp_path: Path) -> Callable[[int], list[str]]:
    """Draws so many pictures in two folders, and returns their names as records have them."""

    def make(count: int) -> list[str]:
        names = [f"photos/{'even' if n % 2 == 0 else 'odd'}/{n:03d}.png" for n in range(count)]
        for n, name in enumerate(names):
            made_runs.draw(tmp_path / name, n)
        return names

    return make
