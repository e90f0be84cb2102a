#!/usr/bin/python3
"""Opens a page of ike-trace in headless Chromium and prints what a reader finds there, as one JSON object.

browser.py PAGE FRAME INPUT: FRAME is the number of a message to click, INPUT the text of a link in it to follow.
"""
import base64
import json
import signal
import sys
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))	# timeout(1): the browser ends with us
page, frame, link = sys.argv[1], sys.argv[2], sys.argv[3]
opts = Options()
profile = tempfile.TemporaryDirectory()
for arg in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000",
            "--user-data-dir=" + profile.name):
    opts.add_argument(arg)
opts.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
for attempt in range(3):	# on a busy machine it may not start within the time that chromedriver allows
    try:
        d = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=opts)
        break
    except WebDriverException:
        if attempt == 2:
            raise
d.set_page_load_timeout(200)
got = {}


def visible(css):
    return d.execute_script("""
        const e = document.querySelector(arguments[0]);
        return e !== null && e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().height > 0""", css)


def within(seconds, true):
    """Whether it becomes true: a new size, medium or colour takes effect when the next frame is drawn."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def screen(width, height, **features):
    d.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                      {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
    d.execute_cdp_cmd("Emulation.setEmulatedMedia",
                      {"media": features.pop("media", ""),
                       "features": [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]})


def background():
    return d.execute_script("return getComputedStyle(document.body).backgroundColor")


try:
    d.get("file://" + page)
    row = "#m" + frame
    # What a hostile capture would want: scripts, handlers, elements that load, or a title and texts that are not text.
    got["elements"] = sorted(d.execute_script(
        "return [...new Set([...document.querySelectorAll('*')].map(e => e.localName))]"))
    got["attributes"] = sorted(d.execute_script(
        "return [...new Set([...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()))]"))
    got["text"] = d.execute_script("return document.documentElement.textContent")
    got["title"] = d.title
    # Mouse.
    got["closed"] = not visible(row + " .in")
    d.find_element(By.CSS_SELECTOR, row + " > details > summary").click()
    got["click"] = within(20, lambda: visible(row + " .in"))
    got["shown"] = d.find_element(By.CSS_SELECTOR, row + " .in").text
    # An input's link opens what it leads to, wherever that is.
    if link != "-":
        got["link"] = False
        for e in d.find_elements(By.CSS_SELECTOR, row + " details.val"):
            e.find_element(By.CSS_SELECTOR, "summary").click()
            a = [x for x in e.find_elements(By.CSS_SELECTOR, "a") if x.text == link]
            if a:
                to = a[0].get_attribute("href").rsplit("#", 1)[1]
                hidden = not visible("#" + to)
                a[0].click()
                got["link"] = hidden and within(20, lambda: visible("#" + to))
                break
    # Keyboard: the first message is the second stop, behind the explanation.
    d.get("about:blank")
    d.get("file://" + page)
    body = d.switch_to.active_element
    body.send_keys(Keys.TAB)
    d.switch_to.active_element.send_keys(Keys.TAB)
    focus = d.switch_to.active_element
    got["focus"] = d.execute_script("return arguments[0].closest('li') === document.querySelector('li.row')", focus)
    focus.send_keys(Keys.ENTER)
    got["enter"] = within(20, lambda: visible("li.row .in"))
    focus.send_keys(Keys.ENTER)
    got["enter-again"] = within(20, lambda: not visible("li.row .in"))
    # A screen reader.
    tree = d.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    got["roles"] = sorted({n["role"]["value"] for n in tree if not n.get("ignored")})
    got["names"] = [n["name"]["value"] for n in tree
                    if not n.get("ignored") and n["role"]["value"] == "DisclosureTriangle" and n.get("name")]
    # A telephone, a dark room, paper.
    light = background()
    screen(390, 844)
    for e in d.find_elements(By.CSS_SELECTOR, "details"):
        d.execute_script("arguments[0].open = true", e)
    got["narrow"] = d.execute_script("return document.documentElement.scrollWidth")
    screen(1280, 1000, prefers_color_scheme="dark")
    got["dark"] = within(20, lambda: background() != light)
    for e in d.find_elements(By.CSS_SELECTOR, "details"):
        d.execute_script("arguments[0].open = false", e)
    screen(1280, 1000)
    got["screen-closed"] = within(20, lambda: not visible(row + " .in .story"))
    screen(1280, 1000, media="print")
    got["print"] = within(20, lambda: visible(row + " .in .story"))
    pdf = base64.b64decode(d.execute_cdp_cmd("Page.printToPDF", {})["data"])
    got["pdf"] = pdf[:5].decode() == "%PDF-"
    # Network, and complaints of the Content-Security-Policy.
    sent = [json.loads(e["message"])["message"] for e in d.get_log("performance")]
    asked = [m["params"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    got["requests"] = sorted({m["request"]["url"].partition("#")[0] for m in asked
                              if m["documentURL"].startswith("file://")})
    got["console"] = [e["message"] for e in d.get_log("browser")]
finally:
    d.quit()
    profile.cleanup()
json.dump(got, sys.stdout)
