# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium driven over its DevTools pipe: what a person sees and does, without any script of the page."""
import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time

WAIT_SECONDS = 30
PHONE = (360, 740)
DESKTOP = (1280, 900)

# Every text against the nearest ground that is painted behind it (WCAG 2.1, 1.4.3).
CONTRASTS = """(() => {
  const luminance = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return getComputedStyle(document.documentElement).colorScheme.includes('dark')
      && matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18, 18, 18)' : 'rgb(255, 255, 255)';
  };
  return [...document.body.querySelectorAll('*')]
    .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
    .map(element => {
      const [a, b] = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), element.tagName + ': ' + element.textContent.trim().slice(0, 40)];
    });
})()"""
UNLABELLED = """[...document.querySelectorAll('input, textarea')].filter(field => field.labels.length !== 1)
  .map(field => field.outerHTML)"""


class Browser:
    """One browser with a profile of its own, gone at the end."""

    def __init__(self, folder):
        self.profile = folder / "profile"
        reads, commands = os.pipe()
        answers, writes = os.pipe()
        # The numbers that --remote-debugging-pipe fixes.
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$@" 3<&{reads} 4>&{writes}', "-", shutil.which("chromium"), "--headless=new",
             "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "--no-first-run",
             "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
             "--disable-component-update", "--renderer-process-limit=1", "--disable-site-isolation-trials",
             "--ignore-certificate-errors", "about:blank"],
            pass_fds=(reads, writes), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": str(folder)})
        os.close(reads)
        os.close(writes)
        self.commands, self.answers = commands, answers
        self.number, self.buffer = 0, b""

    def close(self):
        """Asks it to end, as its helpers then end with it."""
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.commands)
        os.close(self.answers)

    def receive(self):
        """The next message, answer or event."""
        deadline = time.monotonic() + WAIT_SECONDS
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.answers], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser says nothing"
            chunk = os.read(self.answers, 1 << 20)
            assert chunk, "the browser has gone"
            self.buffer += chunk
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, on_event=lambda event: None, **parameters):
        """The result of a command; events that come before it are handed to on_event."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self.receive()
            if message.get("id") == self.number:
                assert "error" not in message, (method, message)
                return message["result"]
            on_event(message)

    def page(self, size=DESKTOP, language="fr-FR", scheme="light"):
        return Page(self, size, language, scheme)


class Page:
    """One tab: its scripts do not run, and every address that it asks for is noted."""

    def __init__(self, browser, size, language, scheme):
        self.browser, self.requested, self.statuses, self.loaded, self.complaints = browser, [], [], 0, []
        context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setScriptExecutionDisabled", value=True)
        self.call("Emulation.setUserAgentOverride", userAgent="Chromium", acceptLanguage=language)
        self.dress(size, scheme)

    def dress(self, size, scheme):
        """Another size of the window, another taste for light or dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1,
                  mobile=size[0] < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, self.notice, **parameters)

    def notice(self, event):
        parameters = event.get("params", {})
        if event.get("sessionId") != self.session:
            return
        if event["method"] == "Page.loadEventFired":
            self.loaded += 1
        elif event["method"] == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])
        elif event["method"] == "Network.responseReceived" and parameters["type"] == "Document":
            self.statuses.append(parameters["response"]["status"])
        elif event["method"] == "Log.entryAdded" and parameters["entry"]["source"] == "security":
            self.complaints.append(parameters["entry"]["text"])

    def until_loaded(self, act):
        """Does something that leads to another page, and waits for it."""
        before = self.loaded
        act()
        while self.loaded == before:
            self.notice(self.browser.receive())

    def open(self, url):
        self.until_loaded(lambda: self.call("Page.navigate", url=url))
        return self

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self):
        """What a person reads, with ordinary spaces."""
        return self.evaluate("document.body.innerText").replace("\u00a0", " ").replace("\u202f", " ")

    def click(self, selector):
        box = self.evaluate(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: 'center'}});
            const box = element.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def type(self, selector, text):
        """Replaces what a field holds."""
        self.evaluate(f"(field => {{ field.focus(); field.select(); }})(document.querySelector({json.dumps(selector)}))")
        self.call("Input.insertText", text=text)

    def submit(self):
        self.until_loaded(lambda: self.click("button[type=submit]"))
        return self

    def picture(self, path):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def shortcomings(self):
        """What a person would stumble over: too wide, too faint, without a label, without a language."""
        found = [f"{words} has contrast {contrast:.1f}" for contrast, words in self.evaluate(CONTRASTS) if contrast < 4.5]
        found += [f"{field} has no label" for field in self.evaluate(UNLABELLED)]
        if self.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append("it is wider than the window")
        if self.evaluate("document.documentElement.lang") not in ("fr", "en"):
            found.append("it has no language")
        return found + self.complaints
