// Looks at a page as it is shown now: what sticks out to the side, what is too
// faint to read (WCAG 2.2, 1.4.3), what is too small to hit (2.5.8).
(() => {
  const name = (e) => `<${e.localName} class="${e.className}"> "${(e.textContent || e.value || "").trim().slice(0, 40)}"`;
  const found = { Overflow: [], Contrast: [], Small: [] };

  const wide = document.documentElement.clientWidth;
  const out = document.documentElement.scrollWidth > wide;
  for (const e of document.body.querySelectorAll("*")) {
    if (!e.checkVisibility()) continue;
    const box = e.getBoundingClientRect();
    const aside = e.closest(".skip, .hide");
    if (!aside && (box.right > wide + 1 || box.left < -1)) found.Overflow.push(name(e));
    // Text that runs out of its own box: a control's text may scroll, others' may not.
    const scrolls = ["input", "textarea", "select"].includes(e.localName);
    if (!aside && !scrolls && e.clientWidth && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline") found.Overflow.push(name(e) + " by its content");
  }
  if (out && !found.Overflow.length) found.Overflow.push("the page");

  const rgba = (text) => {
    const n = text.match(/[\d.]+/g).map(Number);
    return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = (c) => {
    const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const ground = (e) => {
    const layers = [];
    for (let up = e; up; up = up.parentElement) {
      const c = rgba(getComputedStyle(up).backgroundColor);
      layers.push(c);
      if (c[3] === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const holders = new Set(document.querySelectorAll("input:not([type=hidden]):not([type=checkbox]):not([type=radio]), select, textarea"));
  while (texts.nextNode()) if (texts.currentNode.data.trim()) holders.add(texts.currentNode.parentElement);
  for (const e of holders) {
    if (!e.checkVisibility() || e.closest("option")) continue;
    const s = getComputedStyle(e), b = ground(e);
    const size = parseFloat(s.fontSize), large = size >= 24 || size >= 18.66 && Number(s.fontWeight) >= 700;
    const r = ratio(over(rgba(s.color), b), b);
    if (r < (large ? 3 : 4.5)) found.Contrast.push(`${name(e)} ${r.toFixed(2)}:1`);
    // The edge of a field is all that shows where it is (1.4.11).
    if (["input", "select", "textarea"].includes(e.localName)) {
      const edge = ratio(rgba(s.borderTopColor), ground(e.parentElement));
      if (edge < 3) found.Contrast.push(`the edge of ${name(e)} ${edge.toFixed(2)}:1`);
    }
  }
  for (const e of document.querySelectorAll("button, .button, input, select, textarea, summary, nav a")) {
    if (!e.checkVisibility() || e.type === "hidden") continue;
    const box = (e.closest("label") || e).getBoundingClientRect();
    if (box.width < 24 || box.height < 24) found.Small.push(`${name(e)} ${box.width}×${box.height}`);
  }
  return found;
})();
