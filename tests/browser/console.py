#!/usr/bin/env python3
"""The console in a browser. Started by tests/pages.rs, which runs the relay: what there is, comes as JSON on standard input.

    console.py walk        every page: nothing fails, nothing of a stranger's runs, nobody else is asked
    console.py act         every action, by its button
    console.py tls         over TLS: a session by a cookie that nothing else gets, the live page, a form
    console.py pictures    the pictures of docs/pictures
    console.py measure     what the live page costs, and when it is there
"""

import json
import sys
import time

from devtools import Browser

PAGES = ["/", "/queue", "/message", "/requests", "/peers", "/plugins", "/route", "/charging", "/configuration",
         "/audit", "/alarms"]


def log_in(browser, told, token):
    browser.go(told["url"] + "/")
    browser.fill("#token", token)
    browser.press("main button")
    browser.wait("document.querySelector('h1').textContent === 'Is all well'")


def check(condition, why):
    if not condition:
        raise SystemExit(why)


def is_sound(browser, told, where):
    """What holds for every page."""
    check(not browser.errors, f"{where}: {browser.errors}")
    others = [url for url in browser.requests if not url.startswith((told["url"], "about:"))]
    check(not others, f"{where}: {others} were asked")
    check(browser.run("typeof window.hacked") == "undefined", f"{where}: a stranger's script ran")
    check(browser.run("document.querySelectorAll('main b.hostile, main img[src=x]').length") == 0, f"{where}: markup of a stranger")
    check(browser.run("document.querySelectorAll('h1').length") == 1, f"{where}: one heading of the page")
    unnamed = browser.run("""[...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(
        it => !it.labels.length && !it.getAttribute('aria-label')).map(it => it.outerHTML)""")
    check(not unnamed, f"{where}: fields without a name: {unnamed}")
    check(browser.run("[...document.querySelectorAll('thead th')].every(it => it.scope === 'col')"), f"{where}: a heading without a scope")
    wide = browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 0, f"{where}: the page is {wide} wider than its window")
    faint = browser.run(CONTRAST)
    check(not faint, f"{where}: contrast below 4.5: {faint}")


# Of each text with what it stands on (WCAG 2.2, 1.4.3).
CONTRAST = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => { const f = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = (it) => { for (; it; it = it.parentElement) { const c = parse(getComputedStyle(it).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  const faint = [];
  for (const it of document.querySelectorAll('body *')) {
    if (![...it.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()) || !it.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(it).color)), light(behind(it))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${it.tagName} ${it.textContent.trim().slice(0, 40)}`);
  }
  return [...new Set(faint)].slice(0, 5);
})()"""


def pages(told):
    found = PAGES + ["/queue/group?state=waiting", "/route?recipient=%2B15555550199%2FTYPE%3DPLMN%40mms.b.example"]
    for message in told["messages"]:
        found += ["/message/" + message, f"/message/{message}/content"]
    return found


def walk(told):
    browser = Browser()
    log_in(browser, told, told["revealing"])
    browser.press("form[action='/sight'] button")
    for width, dark in [(1280, False), (1280, True), (390, False)]:
        browser.look(width, 900, dark)
        for path in pages(told):
            browser.go(told["url"] + path)
            is_sound(browser, told, f"{path} at {width}")
    for path, text in told["shown"]:
        browser.go(told["url"] + path)
        check(text in browser.text(), f"{path} does not show {text!r} as text:\n{browser.text()}")
    browser.go(told["url"] + told["pictured"])
    browser.wait("[...document.images].every(it => it.complete)")
    pictures = browser.run("[...document.images].filter(it => it.naturalWidth > 0).length")
    check(pictures == 2, f"as received and as sent: {pictures} pictures")
    # Live: what it says of the time changes, and the place of whoever walks by keyboard stays.
    browser.go(told["url"] + "/")
    browser.run("document.querySelector('.tiles a').focus(); window.then = document.querySelector('#live time').dateTime")
    browser.wait("document.querySelector('#live time').dateTime !== window.then", "the live page refreshes itself")
    check(browser.run("document.activeElement === document.querySelector('.tiles a')"), "the focus was lost")
    is_sound(browser, told, "the live page, refreshed")
    # Without a script everything but that works.
    browser.script(False)
    for path in pages(told):
        browser.go(told["url"] + path)
        check(not browser.errors, f"{path} without a script: {browser.errors}")
    browser.close()


def tabs_reach(browser, selector):
    """Whether somebody gets there by the keyboard alone."""
    for _ in range(200):
        browser.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        browser.call("Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        if browser.run(f"document.activeElement && document.activeElement.matches({json.dumps(selector)})"):
            return True
    return False


def said(browser, text):
    browser.wait(f"(document.querySelector('.told') || {{}}).innerText?.includes({json.dumps(text)})", text)


def act(told):
    browser = Browser()
    log_in(browser, told, told["administrator"])
    url = told["url"]
    browser.go(url + "/peers")
    check(tabs_reach(browser, "summary"), "the keyboard reaches the actions")
    browser.run("document.querySelectorAll('details').forEach(it => it.open = true)")
    form = "form:has(input[value=operator-b]):has(button[value=%s]) "
    browser.fill(form % "pause" + "input[name=reason]", "<b class=hostile>works</b>")
    browser.press(form % "pause" + "button")
    said(browser, "operator-b is sent nothing")
    check("<b class=hostile>works</b>" in browser.text(), "the reason is shown as text")
    browser.press(form % "resume" + "button")
    said(browser, "is sent to again")
    browser.run("document.querySelectorAll('details').forEach(it => it.open = true)")
    browser.fill(form % "drain" + "input[name=reason]", "new disks")
    browser.press(form % "drain" + "button[value=drain]")
    said(browser, "brought to rest")
    browser.press(form % "resume" + "button")
    said(browser, "is sent to again")
    browser.fill(form % "limit" + "input[name=rate]", "20/s")
    browser.fill(form % "limit" + "input[name=reason]", "slow partner")
    browser.press(form % "limit" + "button")
    said(browser, "no more than 20/s")
    browser.press(form % "unlimit" + "button")
    said(browser, "as fast as the configuration says")
    # What is stuck: one message, then the whole group.
    browser.go(url + "/queue")
    browser.press("td a")
    browser.run("document.querySelector('input[name=id]').click()")
    browser.fill("input[name=reason]", "to look at")
    browser.press("button[value=hold]")
    said(browser, "1 held")
    browser.go(url + "/queue/group?state=held")
    browser.run("document.querySelector('input[value=group]').click()")
    browser.press("button[value=release]")
    said(browser, "1 released")
    browser.go(url + "/queue/group?state=waiting")
    browser.run("document.querySelector('input[value=group]').click()")
    browser.press("button[value=retry]")
    said(browser, "will be tried again now")
    browser.run("document.querySelector('input[value=group]').click()")
    browser.run("document.querySelector('select[name=to]').value = 'operator-a'")
    browser.press("button[value=reroute]")
    said(browser, "sent to the other peer instead")
    browser.go(url + "/queue/group?peer=operator-a")
    browser.run("document.querySelector('input[value=group]').click()")
    browser.press("button[value=drop]")
    check("tick the box" in browser.text(), "what is dropped is asked about twice")
    browser.errors.clear()
    browser.go(url + "/queue/group?peer=operator-a")
    browser.run("document.querySelector('input[value=group]').click(); document.querySelector('input[name=sure]').click()")
    browser.press("button[value=drop]")
    said(browser, "dropped")
    for button, text in [("off", "No message is shown to"), ("on", "are shown to")]:
        browser.go(url + "/plugins")
        browser.run("document.querySelectorAll('details').forEach(it => it.open = true)")
        if button == "off":
            browser.fill("form:has(button[value=off]) input[name=reason]", "a test")
        browser.press(f"button[value={button}]")
        said(browser, text)
    # Another version of a plug-in, its steps, and back.
    browser.go(url + "/plugins")
    browser.run("document.querySelectorAll('details').forEach(it => it.open = true)")
    browser.choose("input[data-into=component]", told["component"])
    browser.wait("!document.querySelector('form[action=\"/plugins/load\"] button').disabled", "the file is read")
    browser.press("form[action='/plugins/load'] button")
    said(browser, "is being loaded")
    browser.wait("document.querySelector('#live').innerText.includes('is live')", "the new version is live")
    check(browser.run("document.querySelectorAll('#live .steps li').length") > 3, "its steps are shown")
    browser.go(url + "/plugins")
    browser.run("document.querySelectorAll('details').forEach(it => it.open = true)")
    check(browser.run("document.querySelectorAll('section ol:not(.steps) li').length") == 2, "two versions are kept")
    browser.press("button[value=rollback]")
    said(browser, "goes back to the version before")
    browser.wait("document.querySelector('#live').innerText.includes('is live')", "the version before is live")
    # The configuration: a candidate that is wrong, one that is right, and back.
    browser.go(url + "/configuration")
    check("Show numbers whole" in browser.text() and not browser.run("!!document.querySelector('textarea')"), "masked, it cannot be changed")
    browser.press("form[action='/sight'] button")
    browser.go(url + "/configuration")
    text = browser.run("document.querySelector('textarea').value")
    check("[control]" in text, text)
    browser.fill("textarea", text + "\n[alarms]\npeer-down = \"soon\"\n")
    browser.press("button[value=check]")
    check("alarms.peer-down" in browser.text(), browser.text())
    check("soon" in browser.run("document.querySelector('textarea').value"), "the candidate is still there")
    browser.fill("textarea", text + "\n[alarms]\npeer-down = \"7 min\"\n")
    browser.press("button[value=check]")
    check("[alarms] differs" in browser.text() and '+peer-down = "7 min"' in browser.text(), browser.text())
    browser.press("button[value=apply]")
    said(browser, "Generation 2 runs")
    browser.press("tr:nth-of-type(2) button[value=back]")
    said(browser, "says what generation 1 said")
    browser.go(url + "/configuration?generation=2")
    check('peer-down = "7 min"' in browser.run("document.querySelector('main').innerText"), "what ran is still to be seen")
    browser.go(url + "/peers")
    browser.press("form[action='/sight'] button")
    browser.go(url + "/charging")
    browser.press("button[value=close]")
    said(browser, "losed")
    if browser.run("!!document.querySelector('input[name=file]')"):
        browser.run("document.querySelector('input[name=file]').click()")
        browser.press("button[value=fetched]")
        said(browser, "1 marked as fetched")
    browser.go(url + "/audit")
    for verb in ["peer-pause", "peer-limit", "queue-hold", "queue-release", "queue-retry", "queue-reroute", "queue-drop", "plugin-off", "cdr-close",
                 "peer-drain", "plugin-load", "plugin-rollback", "configuration-apply", "configuration-go-back"]:
        check(verb in browser.text(), f"the audit knows of {verb}")
    check(not browser.errors, str(browser.errors))
    browser.press("form[action='/logout'] button")
    browser.go(url + "/queue")
    browser.wait("document.querySelector('#token')", "who has logged out is asked for a token")
    # A viewer has no button, and numbers are masked.
    log_in(browser, told, told["viewer"])
    for path in PAGES + ["/queue/group?state=waiting"]:
        browser.go(url + path)
        check(browser.run("document.querySelectorAll('main form[method=post] button').length") == 0, f"{path} offers a viewer something")
        check("5550199" not in browser.text(), f"{path} shows a viewer a number")
    browser.close()


def over_tls(told):
    browser = Browser()
    log_in(browser, told, told["token"])
    cookies = browser.call("Network.getCookies")["cookies"]
    check([cookie["name"][:7] for cookie in cookies] == ["__Host-"], f"one cookie, of this host: {cookies}")
    check(all(cookie["secure"] and cookie["httpOnly"] for cookie in cookies), f"over TLS alone, and for no script: {cookies}")
    for path in PAGES:
        browser.go(told["url"] + path)
        is_sound(browser, told, path + " over TLS")
    browser.go(told["url"] + "/")
    browser.run("window.then = document.querySelector('#live time').dateTime")
    browser.wait("document.querySelector('#live time').dateTime !== window.then", "the live page refreshes itself")
    browser.go(told["url"] + "/peers")
    browser.run("document.querySelectorAll('details').forEach(it => it.open = true)")
    browser.fill("form:has(button[value=drain]) input[name=reason]", "new disks")
    browser.press("form:has(button[value=drain]) button[value=drain]")
    said(browser, "brought to rest")
    browser.go(told["url"] + "/peers")
    browser.wait("document.querySelector('main').innerText.includes('drained')", "nothing is under way to it")
    check(not browser.errors, str(browser.errors))
    browser.close()


def pictures(told, folder):
    browser = Browser()
    if "token" in told:
        log_in(browser, told, told["token"])
        if browser.run("!!document.querySelector(\"form[action='/sight'] button\")"):
            browser.press("form[action='/sight'] button")
    else:
        browser.go(told["open"])
        browser.wait("document.querySelector('h1')")
    for name, path, width, dark in told["pictures"]:
        browser.look(width, 900, dark)
        browser.go(told["url"] + path)
        browser.wait("[...document.images].every(it => it.complete)")
        browser.run("document.querySelectorAll('details.shown').forEach(it => it.open = true)")
        browser.picture(f"{folder}/{name}.png")
    browser.close()


def measure(told):
    """Of the live page: octets before its first refreshing, first paint, and the time of an answer."""
    browser = Browser()
    log_in(browser, told, told["administrator"])
    browser.call("Network.clearBrowserCache")
    browser.octets = 0
    browser.go(told["url"] + "/")
    paint = browser.run("""new Promise(done => { const look = () => {
        const paint = performance.getEntriesByName('first-contentful-paint')[0];
        paint ? done(paint.startTime) : setTimeout(look, 10); }; look(); })""")
    octets = browser.octets
    print(json.dumps({"octets-before-first-refresh": octets, "first-paint-ms": round(paint)}))
    for path in ["/", "/live", "/queue", "/queue/group?state=waiting", "/peers", "/requests", "/audit"]:
        took = []
        for _ in range(told.get("times", 5)):
            took.append(browser.run(f"(async () => {{ const then = performance.now(); await (await fetch('{path}')).text(); return performance.now() - then; }})()"))
        print(json.dumps({"page": path, "ms": [round(one) for one in took]}))
    browser.close()


def main():
    what, told = sys.argv[1], json.load(sys.stdin)
    begun = time.monotonic()
    {"walk": walk, "act": act, "tls": over_tls, "measure": measure}.get(what, lambda told: pictures(told, sys.argv[2]))(told)
    print(f"{what}: {time.monotonic() - begun:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
