"""Plays people who draw: page.py DESK CHROMIUM FOLDER [PICTURES].

DESK is the example `desk`, which keeps drawings in FOLDER; PICTURES gets what the page looked like.
"""

import json
import pathlib
import subprocess
import sys
import time

from chromium import Chromium

ROWS, COLUMNS = 80, 96
TOKEN = "0123456789abcdef0123456789abcdef"


class Desk:
    """The server, which can be killed and started again at the same address."""

    def __init__(self, program, folder):
        self.program, self.folder, self.port = program, folder, "0"
        self.start()

    def start(self):
        command = [self.program, str(self.folder), self.port, TOKEN]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.url = self.process.stdout.readline().strip()
        self.port = self.url.split(":")[2].split("/")[0]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def version(self, case, slice):
        return len(list(self.folder.glob(f"{case}-{slice}-*.txt")))

    def saved(self, case, slice, version=None):
        """State, who, seconds, labels."""
        name = f"{case}-{slice}-{version or self.version(case, slice)}"
        state, who, seconds = (self.folder / f"{name}.txt").read_text().split("\t")
        return state, who, float(seconds), (self.folder / f"{name}.labels").read_bytes()


class Person:
    """Somebody at a tab."""

    def __init__(self, browser, desk, pictures):
        self.desk, self.pictures = desk, pictures
        self.tab = browser.tab(desk.url)
        self.js, self.wait, self.key, self.click = (
            self.tab.js,
            self.tab.wait,
            self.tab.key,
            self.tab.click,
        )

    def point(self, row, column):
        """Where on the screen the middle of a pixel is."""
        return self.js(
            f"(() => {{ const [x, y] = slicewise.view.pointAt([{row + 0.5}, {column + 0.5}]);"
            " const box = document.querySelector('canvas').getBoundingClientRect();"
            " return [x + box.x, y + box.y]; })()"
        )

    def drag(self, *pixels, button="left", lift=True):
        held = {"left": 1, "right": 2, "middle": 4}[button]
        points = [self.point(*pixel) for pixel in pixels]
        self.tab.mouse("Moved", points[0], "none", 0)
        self.tab.mouse("Pressed", points[0], button, held)
        for point in points[1:]:
            self.tab.mouse("Moved", point, button, held)
        if lift:
            self.lift(pixels[-1], button)

    def lift(self, pixel, button="left"):
        self.tab.mouse("Released", self.point(*pixel), button, 0)

    def square(self, low, high):
        self.drag((low, low), (low, high), (high, high), (high, low), (low, low))

    def labels(self):
        return bytes(self.js("[...slicewise.hand.drawing.labels]"))

    def is_saved(self):
        self.wait("document.querySelector('#saved').textContent === 'saved'")

    def open(self, case, slice):
        here = f"'{case} · slice {slice} '"
        self.js(
            "[...document.querySelectorAll('.slice')].find((each) =>"
            f" each.title.startsWith('{case}, slice {slice} ')).click()"
        )
        self.wait(f"document.querySelector('#where').textContent.startsWith({here})")

    def picture(self, name):
        if self.pictures:
            time.sleep(0.4)
            self.tab.picture(self.pictures / f"{name}.png")

    def size(self, size):
        self.js(f"(() => {{ const e = document.querySelector('#size'); e.value = {size}; e.dispatchEvent(new Event('input')); }})()")


def expect(got, expected, what):
    if got != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {got!r}")


def count(labels, value):
    return sum(label == value for label in labels)


def at(labels, row, column):
    return labels[row * COLUMNS + column]


# Hand-worked: rows are listed from row 0 up. A 5 × 5 image, a ring of 1 with a corner at (1, 1).
FUNCTIONS = """
(async () => {
  const d = await import("./draw.js");
  const shape = [5, 5];
  const image = () => new Uint8Array(25);
  const lit = (labels) => [...labels].flatMap((label, i) => (label ? [i] : [])).join(" ");
  const one = image();
  d.stroke(one, shape, [1, 1], [1.5, 1.5], [1.5, 3.5], 1, 1);
  const diagonal = image();
  d.stroke(diagonal, shape, [1, 1], [0.5, 0.5], [4.5, 4.5], 1, 1);
  const flat = image();
  // Rows are twice as high as columns are wide: a dab of 3 covers one row and three columns.
  d.stroke(flat, shape, [2, 1], [2.5, 2.5], [2.5, 2.5], 3, 1);
  const outside = image();
  d.stroke(outside, shape, [1, 1], [-1, -3], [-1, 9], 4, 1);
  // A diamond of pixels that touch at corners alone holds its inside.
  const diamond = image();
  for (const i of [7, 11, 13, 17]) diamond[i] = 1;
  const filled = d.fill(diamond, shape, [2.5, 2.5], 2);
  const open = d.fill(diamond, shape, [0.5, 0.5], 2);
  const all = d.fill(diamond, shape, [0.5, 0.5], 3, true);
  const triangle = image();
  d.fillContour(triangle, shape, [[0, 0], [0, 4], [4, 0]], 1);
  const edges = d.outline(one, shape);
  const before = Uint8Array.from([0, 1, 2]);
  const step = d.difference(before, Uint8Array.from([0, 3, 2]));
  const history = new d.History();
  const labels = Uint8Array.from([0, 3, 2]);
  history.push(step);
  const steps = [history.undo(labels), labels[1], history.undo(labels), history.redo(labels), labels[1], history.redo(labels)];
  return {
    one: lit(one), diagonal: lit(diagonal), flat: lit(flat), outside: lit(outside), filled, open, all,
    inside: diamond[12], triangle: lit(triangle), edges: edges.get(1).length / 4, same: d.difference(before, before),
    steps, packed: d.pack(Uint8Array.from([0, 0, 255, 3, 3])), unpacked: [...d.unpack("0*2,255*1,3*2")],
    window: d.autoWindow(Float32Array.from({ length: 201 }, (_, i) => i)), constant: d.autoWindow(new Float32Array(4)),
  };
})()
"""
EXPECTED = {
    "one": "6 7 8",
    "diagonal": "0 6 12 18 24",
    "flat": "11 12 13",
    "outside": "0 1 2 3 4",
    "filled": 1,
    "open": 0,
    "all": 20,
    "inside": 2,
    "triangle": "0 1 2 5 6 10",
    "edges": 4,
    "same": None,
    "steps": [True, 1, False, True, 3, False],
    "packed": "0*2,255*1,3*2",
    "unpacked": [0, 0, 255, 3, 3],
    "window": [2, 199],
    "constant": [0, 1],
}


def functions(anna):
    got = anna.js(FUNCTIONS)
    for name, expected in EXPECTED.items():
        expect(got[name], expected, f"draw.js: {name}")


def name_is_asked(anna):
    anna.wait("document.querySelector('#ask-name').open")
    anna.picture("name")
    anna.tab.send("Input.insertText", text="Anna")
    anna.click("#ask-name button")
    anna.wait("slicewise.hand.drawing")
    expect(anna.js("document.querySelector('#person').textContent"), "Anna", "name")
    expect(anna.js("document.querySelectorAll('.slice').length"), 6, "slices in the list")
    anna.picture("empty")
    # Row 0 is at the bottom, column 0 at the left; pixels are 1.5 times as high as wide.
    (x, y), (right, _), (_, up) = anna.point(10, 10), anna.point(10, 20), anna.point(20, 10)
    assert right > x and up < y, "columns go to the right, rows upwards"
    assert abs((y - up) / (right - x) - 1.5) < 1e-6, "pixels have their spacing"


def draws(anna):
    desk = anna.desk
    anna.size(1)
    anna.drag((20, 20), (20, 30))
    anna.is_saved()
    state, who, _, labels = desk.saved("sub-01", 12)
    expect((state, who), ("begun", "Anna"), "saved")
    expect([i for i, label in enumerate(labels) if label], [20 * COLUMNS + c for c in range(20, 31)], "line")
    anna.square(40, 60)
    expect(count(anna.labels(), 1), 11 + 80, "square")
    anna.key("f")
    anna.key("2")
    anna.drag((70, 80))
    expect(count(anna.labels(), 2), 0, "an open area is not filled")
    assert "reaches the edge" in anna.js("document.querySelector('#toast').textContent")
    anna.drag((50, 50))
    expect(count(anna.labels(), 2), 19 * 19, "filled")
    anna.key("z", ctrl=True)
    expect(count(anna.labels(), 2), 0, "undone")
    anna.key("y", ctrl=True)
    expect(count(anna.labels(), 2), 19 * 19, "done again")
    anna.key("p")
    anna.key("e")
    anna.drag((20, 20), (20, 24))
    expect(count(anna.labels(), 1), 11 - 5 + 80, "erased")
    anna.key("u")
    anna.size(6)
    anna.drag((70, 20), (70, 40))
    assert count(anna.labels(), 255) > 60, "unsure"
    anna.key("l")
    anna.key("3")
    anna.drag((10, 60), (10, 80), (30, 80), (30, 60))
    expect(at(anna.labels(), 20, 70), 3, "contour filled when let go")
    anna.is_saved()
    expect(desk.saved("sub-01", 12)[3], anna.labels(), "saved labels")
    anna.picture("drawn")
    # Over what is drawn, or on background alone.
    anna.key("k")
    anna.drag((20, 65), (20, 90), (25, 90), (25, 65))
    expect((at(anna.labels(), 22, 75), at(anna.labels(), 22, 85)), (3, 3), "contour on background")
    anna.key("p")
    anna.key("1")
    anna.size(1)
    anna.drag((15, 50), (15, 70))
    expect((at(anna.labels(), 15, 55), at(anna.labels(), 15, 65)), (1, 3), "what was drawn is kept")
    anna.key("k")
    anna.drag((15, 50), (15, 70))
    expect(at(anna.labels(), 15, 65), 1, "and drawn over")
    for _ in range(3):
        anna.key("z", ctrl=True)
    anna.key("3")
    anna.key("l")
    anna.size(6)
    # Showing changes nothing in the data.
    before = anna.labels()
    left = anna.point(10, 10)[0]
    anna.key("m")
    assert anna.point(10, 10)[0] > left, "mirrored"
    anna.picture("mirrored")
    for key in "macwhhooggc":
        anna.key(key)
    anna.drag((40, 40), (45, 50), button="right")
    assert anna.js("slicewise.view.window.join()") != "0,1200", "the right button changes the window"
    anna.drag((40, 40), (45, 50), button="middle")
    anna.key("c")
    expect(anna.labels(), before, "labels after showing")
    # A pen on the mirrored slice draws where it points.
    anna.key("m")
    anna.key("p")
    anna.key("1")
    anna.size(1)
    anna.drag((5, 5), (5, 6))
    expect((at(anna.labels(), 5, 5), at(anna.labels(), 5, 90)), (1, 0), "drawn where it points")
    anna.key("m")
    anna.key("?")
    anna.wait("document.querySelector('#help').open")
    anna.picture("help")
    anna.click("#help-close")


def finishes(anna):
    desk = anna.desk
    anna.key("d")
    anna.wait("document.querySelector('#where').textContent.includes('slice 30 ')")
    anna.is_saved()
    expect(desk.saved("sub-01", 12)[0], "done", "state")
    # Nothing drawn is not done: that has its own word.
    anna.key("d")
    assert "press Empty" in anna.js("document.querySelector('#toast').textContent")
    anna.picture("draft")
    anna.key("t")
    anna.is_saved()
    draft = bytes(anna.js("[...slicewise.view.slice.draft]"))
    expect(desk.saved("sub-01", 30)[3], draft, "the draft, taken")
    anna.key("d")
    anna.wait("document.querySelector('#where').textContent.includes('slice 44 ')")
    anna.key("x")
    anna.wait("document.querySelector('#where').textContent.includes('slice 3 ')")
    anna.is_saved()
    state, _, _, labels = desk.saved("sub-01", 44)
    expect((state, count(labels, 0)), ("done", ROWS * COLUMNS), "empty")
    # Empty where something is drawn asks once more.
    anna.drag((30, 30), (30, 40))
    anna.key("x")
    assert "again" in anna.js("document.querySelector('#toast').textContent")
    expect(count(anna.labels(), 1), 11, "not erased yet")
    expect(anna.js("document.querySelector('.progress').textContent"), "3 of 6 done", "progress")


def server_is_killed(anna):
    desk = anna.desk
    anna.is_saved()
    anna.drag((40, 30), (40, 40), lift=False)
    desk.kill()
    anna.lift((40, 40))
    anna.drag((50, 30), (50, 40))
    anna.wait("!document.querySelector('#banner').hidden")
    text = anna.js("document.querySelector('#banner').textContent")
    assert text.startswith("not saved: ") and "trying again" in text, text
    anna.picture("banner")
    anna.key("z", ctrl=True)
    anna.key("y", ctrl=True)
    desk.start()
    anna.wait("document.querySelector('#banner').hidden")
    anna.is_saved()
    labels = desk.saved("sub-02 (thick)", 3)[3]
    expect((at(labels, 40, 35), at(labels, 50, 35)), (1, 1), "drawn before and after the end")


def page_is_reloaded(anna):
    desk = anna.desk
    case = ("sub-02 (thick)", 3)
    anna.tab.send("Network.setBlockedURLs", urls=["*answer"])
    anna.drag((60, 30), (60, 40))
    anna.wait("!document.querySelector('#banner').hidden")
    expect(at(desk.saved(*case)[3], 60, 35), 0, "not saved yet")
    anna.tab.send("Network.setBlockedURLs", urls=[])
    anna.js("window.old = true")
    anna.tab.send("Page.reload")
    anna.wait("!window.old && window.slicewise?.hand.drawing")
    anna.is_saved()
    anna.open(*case)
    expect(at(anna.labels(), 60, 35), 1, "still there")
    expect(desk.saved(*case)[3], anna.labels(), "saved labels")


def answer_is_lost(anna):
    """The server has the drawing, but the browser does not know: no conflict with oneself."""
    desk, browser = anna.desk, anna.tab.browser
    case = ("sub-02 (thick)", 3)
    before, since = desk.version(*case), len(browser.events)
    anna.tab.send("Fetch.enable", patterns=[{"urlPattern": "*answer", "requestStage": "Response"}])
    anna.drag((70, 30), (70, 40))
    paused = browser.event("Fetch.requestPaused", since)
    anna.tab.send("Fetch.failRequest", requestId=paused["requestId"], errorReason="ConnectionReset")
    anna.tab.send("Fetch.disable")
    anna.is_saved()
    expect(anna.js("document.querySelector('#conflict').hidden"), True, "no conflict")
    assert desk.version(*case) >= before + 1
    expect(at(desk.saved(*case)[3], 70, 35), 1, "drawn")


def tab_is_closed_in_a_hurry(anna):
    """The last stroke is on its way when the page goes: the browser asks, and nothing is lost."""
    desk, browser = anna.desk, anna.tab.browser
    case = ("sub-02 (thick)", 3)
    since = len(browser.events)
    anna.tab.send("Fetch.enable", patterns=[{"urlPattern": "*answer"}])
    anna.drag((75, 30), (75, 40))
    browser.event("Fetch.requestPaused", since)
    anna.js("window.old = true")
    browser.post("Page.reload", anna.tab.session)
    expect(browser.event("Page.javascriptDialogOpening", since)["type"], "beforeunload", "the browser asks")
    anna.tab.send("Page.handleJavaScriptDialog", accept=True)
    anna.tab.send("Fetch.disable")
    anna.wait("!window.old && window.slicewise?.hand.drawing")
    anna.is_saved()
    expect(at(desk.saved(*case)[3], 75, 35), 1, "the last stroke")
    anna.open(*case)


def fingers(anna):
    before = anna.labels()
    anna.size(1)
    one, two, three = anna.point(15, 40), anna.point(15, 50), anna.point(25, 60)
    # One finger draws.
    anna.tab.touch("Start", one)
    anna.tab.touch("Move", two)
    anna.tab.touch("End")
    expect(count(anna.labels(), 1), count(before, 1) + 11, "drawn with a finger")
    drawn = anna.labels()
    # With a second one it zooms, and takes back what the first drew.
    anna.tab.touch("Start", one)
    anna.tab.touch("Move", anna.point(18, 40))
    anna.tab.touch("Start", anna.point(18, 40), two)
    anna.tab.touch("Move", anna.point(18, 40), three)
    anna.tab.touch("End")
    expect(anna.labels(), drawn, "after two fingers")
    assert anna.js("slicewise.view.zoom") > 1, "zoomed"
    anna.key("c")
    anna.key("z", ctrl=True)
    expect(anna.labels(), before, "undone")


def two_tabs(anna, browser):
    desk = anna.desk
    case = ("sub-02 (thick)", 8)
    anna.open(*case)
    ben = Person(browser, desk, anna.pictures)
    ben.wait("window.slicewise?.hand.drawing")
    ben.open(*case)
    anna.tab.front()
    anna.size(1)
    anna.drag((20, 20), (20, 30))
    anna.is_saved()
    first = anna.labels()
    ben.tab.front()
    ben.size(1)
    ben.drag((30, 20), (30, 30))
    ben.wait("!document.querySelector('#conflict').hidden")
    ben.picture("conflict")
    expect(desk.version(*case), 1, "nothing saved over it")
    ben.click("#mine")
    ben.is_saved()
    second = ben.labels()
    expect(desk.saved(*case, 1)[3], first, "theirs is kept as a version")
    expect(desk.saved(*case)[3], second, "mine is on top")
    anna.tab.front()
    anna.drag((40, 20), (40, 30))
    anna.wait("!document.querySelector('#conflict').hidden")
    third = anna.labels()
    anna.click("#theirs")
    anna.is_saved()
    expect(anna.labels(), second, "theirs is shown")
    anna.key("z", ctrl=True)
    expect(anna.labels(), third, "and one's own is an undo away")
    anna.is_saved()
    expect(desk.saved(*case)[3], third, "saved on top")
    return ben


def tab_is_closed(anna, ben):
    """What a closed tab could not save, another saves."""
    desk = anna.desk
    case = ("sub-02 (thick)", 5)
    ben.tab.front()
    ben.open(*case)
    ben.tab.send("Network.setBlockedURLs", urls=["*answer"])
    ben.drag((25, 25), (25, 35))
    ben.wait("!document.querySelector('#banner').hidden")
    ben.tab.close()
    anna.tab.front()
    deadline = time.monotonic() + 30
    while desk.version(*case) == 0:
        assert time.monotonic() < deadline, "the closed tab's drawing was not saved"
        anna.js("1")
        time.sleep(0.2)
    expect(at(desk.saved(*case)[3], 25, 30), 1, "drawn in the closed tab")
    anna.wait("!Object.keys(localStorage).some((key) => key.startsWith('slicewise:'))")


def looks(anna):
    anna.open("sub-01", 12)
    for name, width, height in [("tablet", 1024, 768), ("narrow", 768, 1024), ("wide", 1920, 1080)]:
        anna.tab.resize(width, height)
        anna.picture(name)
    anna.tab.resize(1280, 800)


def stays_at_home(browser, desk):
    home = f"http://127.0.0.1:{desk.port}/{TOKEN}/"
    urls = [each["params"]["request"]["url"] for each in browser.events if each["method"] == "Network.requestWillBeSent"]
    assert len(urls) > 30, "requests were logged"
    expect([url for url in urls if not url.startswith(home)], [], "requests to elsewhere")
    thrown = [each["params"]["exceptionDetails"] for each in browser.events if each["method"] == "Runtime.exceptionThrown"]
    expect(thrown, [], "exceptions")
    entries = [each["params"]["entry"] for each in browser.events if each["method"] == "Log.entryAdded"]
    expect([each["text"] for each in entries if each["source"] != "network"], [], "the browser's complaints")


def main():
    program, chromium, folder = sys.argv[1:4]
    folder = pathlib.Path(folder)
    pictures = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None
    for each in (folder / "drawings", folder / "profile", *([pictures] if pictures else [])):
        each.mkdir(parents=True, exist_ok=True)
    desk = Desk(program, folder / "drawings")
    browser = Chromium(chromium, folder / "profile")
    try:
        anna = Person(browser, desk, pictures)
        name_is_asked(anna)
        functions(anna)
        draws(anna)
        finishes(anna)
        server_is_killed(anna)
        page_is_reloaded(anna)
        answer_is_lost(anna)
        tab_is_closed_in_a_hurry(anna)
        fingers(anna)
        ben = two_tabs(anna, browser)
        tab_is_closed(anna, ben)
        looks(anna)
        seconds = [float(each.read_text().split("\t")[2]) for each in desk.folder.glob("*.txt")]
        assert 1 < sum(seconds) < 300, f"seconds of work: {seconds}"
        stays_at_home(browser, desk)
    except BaseException:
        if pictures:
            anna.tab.picture(pictures / "failed.png")
        raise
    finally:
        browser.close()
        desk.kill()
    print("all played")


if __name__ == "__main__":
    main()
