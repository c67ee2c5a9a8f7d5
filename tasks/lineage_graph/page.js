// The lineage graph: drag or wheel to move, ctrl and wheel or + and - to zoom, arrow keys from box to box.
// Everything shown is in the page already; nothing is fetched and no text is ever turned into markup.
"use strict";
(() => {
  const svg = document.querySelector("#stage svg");
  const boxes = [...svg.querySelectorAll("g.boxes a")];
  const sections = [...document.querySelectorAll("#details > section")];
  const whole = { w: +svg.dataset.width, h: +svg.dataset.height };
  const view = { x: 0, y: 0, k: 1 };
  document.documentElement.classList.add("js");
  // MLflow shows artifacts in a frame from which no link leads out.
  if (location.protocol === "blob:" || location.protocol === "about:") document.documentElement.classList.add("framed");
  svg.removeAttribute("width");
  svg.removeAttribute("height");

  const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
  const size = () => ({ w: svg.clientWidth || 800, h: svg.clientHeight || 600 });

  function show() {
    const { w, h } = size();
    view.x = clamp(view.x, Math.min(0, (whole.w - w / view.k) / 2), whole.w - w / view.k);
    view.y = clamp(view.y, 0, whole.h - h / view.k);
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${w / view.k} ${h / view.k}`);
  }
  function zoom(factor, px = size().w / 2, py = size().h / 2) {
    const k = clamp(view.k * factor, Math.min(size().w / whole.w, size().h / whole.h, 0.2), 3);
    view.x += px / view.k - px / k;
    view.y += py / view.k - py / k;
    view.k = k;
    show();
  }
  function fit() {
    view.k = Math.min(1.2, size().w / whole.w);
    view.x = view.y = 0;
    show();
  }
  const place = (box) => ({ x: +box.dataset.x, y: +box.dataset.y, w: +box.dataset.w, h: +box.dataset.h });
  function reveal(box) {
    const { x, y, w, h } = place(box), { w: sw, h: sh } = size(), pad = 30 / view.k;
    view.x = clamp(view.x, x + w + pad - sw / view.k, x - pad);
    view.y = clamp(view.y, y + h + pad - sh / view.k, y - pad);
    show();
  }

  const arrows = [...svg.querySelectorAll("[data-from]")];
  function reach(start, from, to) {
    const met = new Set([start]), waiting = [start];
    while (waiting.length) {
      const here = waiting.pop();
      for (const arrow of arrows)
        if (arrow.dataset[from] === here && !met.has(arrow.dataset[to])) {
          met.add(arrow.dataset[to]);
          waiting.push(arrow.dataset[to]);
        }
    }
    return met;
  }
  function trace(key) {
    svg.classList.toggle("traced", Boolean(key));
    const up = key ? reach(key, "to", "from") : new Set(), down = key ? reach(key, "from", "to") : new Set();
    for (const box of boxes) box.classList.toggle("path", up.has(box.dataset.key) || down.has(box.dataset.key));
    for (const arrow of arrows) {
      const { from, to } = arrow.dataset;
      arrow.classList.toggle("path", (up.has(from) && up.has(to)) || (down.has(from) && down.has(to)));
    }
  }

  let current = boxes[0];
  function focusOn(box) {
    for (const other of boxes) other.setAttribute("tabindex", other === box ? "0" : "-1");
    current = box;
    reveal(box);
    box.focus({ preventScroll: true });
  }
  function select(id, box) {
    const [version, part] = [id.split("-")[0], document.getElementById(id)];
    for (const section of sections) section.classList.toggle("on", section.id === version);
    for (const heading of document.querySelectorAll("#details .here")) heading.classList.remove("here");
    for (const other of boxes) other.classList.toggle("on", other === box);
    if (!part) return;
    if (id !== version) part.classList.add("here");
    const panel = document.getElementById("details");
    panel.scrollTop = id === version ? 0 : part.offsetTop - panel.offsetTop;
  }
  const target = (link) => (link.getAttribute("href") || "").slice(1);
  function open(box) {
    focusOn(box);
    trace(box.dataset.key);
    select(target(box), box);
  }

  // The nearest box in a direction; what lies aside counts three times.
  function next(dx, dy) {
    const here = place(current), cx = here.x + here.w / 2, cy = here.y + here.h / 2;
    let best = null, least = Infinity;
    for (const box of boxes) {
      const there = place(box), x = there.x + there.w / 2 - cx, y = there.y + there.h / 2 - cy;
      const ahead = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (box !== current && ahead > 1 && ahead + 3 * aside < least) [best, least] = [box, ahead + 3 * aside];
    }
    return best;
  }
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  svg.addEventListener("keydown", (event) => {
    if (event.key in ways) {
      const box = next(...ways[event.key]);
      if (box) focusOn(box);
    } else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") fit();
    else if (event.key === "Home") focusOn(boxes[0]);
    else if (event.key === "Escape") trace(null);
    else return;
    event.preventDefault();
  });

  const held = new Map();
  let moved = 0;
  svg.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    moved = 0;
  });
  svg.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    const dx = event.clientX - before.x, dy = event.clientY - before.y;
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved > 4 && !svg.hasPointerCapture(event.pointerId)) svg.setPointerCapture(event.pointerId);
    svg.classList.toggle("held", moved > 4);
    const others = [...held].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    if (others.length) {
      const [one] = others, far = (x, y) => Math.hypot(x - one.x, y - one.y) || 1, edge = svg.getBoundingClientRect();
      zoom(far(event.clientX, event.clientY) / far(before.x, before.y), one.x - edge.left, one.y - edge.top);
    } else {
      view.x -= dx / view.k;
      view.y -= dy / view.k;
      show();
    }
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  const release = (event) => {
    held.delete(event.pointerId);
    svg.classList.remove("held");
  };
  for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, release);
  svg.addEventListener("wheel", (event) => {
    const { x, y } = view;
    if (event.ctrlKey || event.metaKey) {
      const edge = svg.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 300), event.clientX - edge.left, event.clientY - edge.top);
    } else {
      view.x += (event.shiftKey ? event.deltaY : event.deltaX) / view.k;
      view.y += (event.shiftKey ? 0 : event.deltaY) / view.k;
      show();
      if (x === view.x && y === view.y) return; // at its end the page scrolls on
    }
    event.preventDefault();
  }, { passive: false });
  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener("click", (event) => {
    const box = event.target.closest("g.boxes a");
    event.preventDefault();
    if (moved > 4 && event.detail) return; // the end of a drag, not a click; Enter has no detail
    if (box) open(box);
    else trace(null);
  });

  // A version that is named anywhere on the page opens in the graph.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#d']");
    if (!link || svg.contains(link)) return;
    event.preventDefault();
    const box = boxes.find((one) => target(one) === target(link));
    if (box) open(box);
    else select(target(link), null);
    document.getElementById("explorer").scrollIntoView({ block: "nearest" });
  });
  const choice = document.querySelector(".tools select");
  choice.addEventListener("change", () => {
    const box = boxes.find((one) => one.dataset.key === choice.value);
    if (box) open(box);
  });
  for (const button of document.querySelectorAll(".tools button"))
    button.addEventListener("click", () => ({ in: () => zoom(1.25), out: () => zoom(0.8), fit })[button.value]());
  addEventListener("resize", show);

  fit();
  view.k = Math.max(view.k, 0.7); // on a narrow screen the newest version, readable, rather than all of it
  // A few versions fill no tall stage; some room is left for who zooms in.
  Object.assign(svg.parentElement.style, { minHeight: 0, maxHeight: `${Math.max(200, 1.5 * whole.h * view.k)}px` });
  const first = boxes.find((one) => one.dataset.key === svg.dataset.first) || boxes[0];
  for (const box of boxes) box.setAttribute("tabindex", box === first ? "0" : "-1");
  current = first;
  reveal(first);
  select(target(first), first);
})();
