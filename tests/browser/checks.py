"""What holds of every page: how it is read, how it is reached, what it says."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

from tests.browser.chromium import Window

RULES = [
    *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"),
    "best-practice",
]
SMALLEST = 44
LEAST = 13
MIDDLE = 768
"""Between the widths that axe looks at: only what depends on room is looked at here."""
RUN_AXE = """async ([tags, isDark]) => {
  const colours = axe.getRules(tags).filter((rule) => rule.tags.includes('cat.color'));
  const found = await axe.run(document, {
    runOnly: isDark
      ? {type: 'rule', values: colours.map((rule) => rule.ruleId)}
      : {type: 'tag', values: tags},
    resultTypes: ['violations'], preload: false,
  });
  return found.violations.map((rule) => [rule.id, rule.nodes.map(
    (node) => node.target.join(' ') + ' — '
      + node.any.concat(node.all, node.none).map((check) => check.message).join(' '),
  )]);
}"""
FIND_JSON = """() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const words = texts.currentNode.data.trim();
    if (/^(\\{|\\[\\s*\\{)/.test(words)) found.push(words.slice(0, 60));
  }
  return found;
}"""
FIND_WIDE = """() => {
  const root = document.documentElement;
  const over = root.scrollWidth - root.clientWidth;
  if (over <= 0) return [];
  const out = [...document.querySelectorAll('body *')].filter(
    (node) => node.getBoundingClientRect().right > root.clientWidth);
  const names = out.map((node) => node.outerHTML.slice(0, 80));
  return ['the page, by ' + over + ' px', ...names];
}"""
FIND_TINY = """(least) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !node.checkVisibility()) continue;
    const size = parseFloat(getComputedStyle(node).fontSize);
    if (size < (node.closest('svg') ? least - 1 : least)) {
      found.add(size + ' px: ' + texts.currentNode.data.trim().slice(0, 40));
    }
  }
  return [...found];
}"""
FIND_SMALL = """(smallest) => {
  const controls = 'a[href], button, input:not([type=hidden]), select, textarea,'
    + ' summary, [role=button]';
  const name = (node) => node.tagName.toLowerCase()
    + (node.id ? '#' + node.id : '')
    + (node.className && node.className.split ? '.' + node.className.split(' ')[0] : '')
    + ' "' + (node.innerText || node.name || '').trim().slice(0, 30) + '"';
  const inSentence = (node) => node.tagName === 'A'
    && getComputedStyle(node).display === 'inline'
    && [...node.parentNode.childNodes].some(
      (other) => other.nodeType === 3 && /\\w/.test(other.data));
  // What is hit with its label, or its cell, is as large as that.
  const target = (node) => {
    const cell = node.closest('td, th, [role=cell]');
    if (cell && node.matches('a, .action-select, #action-toggle')) return cell;
    if (node.matches('[type=checkbox], [type=radio]')) {
      return node.closest('label') || (node.labels && node.labels[0]) || node;
    }
    return node;
  };
  return [...document.querySelectorAll(controls)].filter((node) => {
    if (!node.checkVisibility({visibilityProperty: true, opacityProperty: true})) {
      return false;
    }
    const box = target(node).getBoundingClientRect();
    const own = node.getBoundingClientRect();
    const isAway = own.bottom + scrollY <= 0 || own.right + scrollX <= 0;
    const isHidden = own.width <= 1 || own.height <= 1;
    if (isAway || isHidden || node.matches('.visually-hidden') || inSentence(node)) {
      return false;
    }
    return Math.round(box.height) < smallest;
  }).map((node) => name(node) + ' '
    + Math.round(target(node).getBoundingClientRect().height));
}"""


@cache
def axe_source() -> str:
    """Return axe-core itself, out of its package."""
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def axe(page: Page, *, is_dark: bool = False) -> list[str]:
    """List what axe-core finds wrong, one line for each place.

    The dark scheme sets colours and nothing else: there only these are looked at.
    """
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(axe_source())
    return [
        f"{rule}: {place}"
        for rule, places in page.evaluate(RUN_AXE, [RULES, is_dark])
        for place in places
    ]


def overflow(page: Page) -> list[str]:
    """List what stands out of the window, if the page can be scrolled sideways."""
    return list(page.evaluate(FIND_WIDE))


def raw_json(page: Page) -> list[str]:
    """List the texts that begin as JSON does."""
    return list(page.evaluate(FIND_JSON))


def small_controls(page: Page) -> list[str]:
    """List what is to be hit and is not high enough, but for links in sentences."""
    return list(page.evaluate(FIND_SMALL, SMALLEST))


class _Inline(HTMLParser):
    """Finds what the policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Note styles and scripts that stand in the page itself."""
        given = dict(attrs)
        if "style" in given or tag == "style":
            self.found.append(f"<{tag} style={given.get('style')!r}>")
        is_data = given.get("type") == "application/json"
        if tag == "script" and "src" not in given and not is_data:
            self.found.append("<script>")
        for name, value in given.items():
            if name.startswith("on") or (value or "").startswith("javascript:"):
                self.found.append(f"<{tag} {name}={value!r}>")


def inline(html: str) -> list[str]:
    """List the styles and scripts that stand in a page itself."""
    parser = _Inline()
    parser.feed(html)
    return parser.found


def findings(window: Window, looks: Iterable[tuple[int, bool]]) -> list[str]:
    """List all that is wrong with a page, in each of these widths and schemes."""
    page = window.page
    found = [f"in the page: {each}" for each in inline(window.source())]
    found += [f"JSON: {each}" for each in raw_json(page)]
    found += [f"text too small: {each}" for each in page.evaluate(FIND_TINY, LEAST)]
    for width, is_dark in looks:
        window.look(width, dark=is_dark)
        look = f"{'dark' if is_dark else 'light'} {width}"
        if width != MIDDLE:
            found += [f"{look}: {each}" for each in axe(page, is_dark=is_dark)]
        found += [f"{look}: too wide: {each}" for each in overflow(page)]
        if not is_dark:
            small = small_controls(page)
            found += [f"{look}: not high enough: {each}" for each in small]
    return found
