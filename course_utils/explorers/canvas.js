// The one widget under every explorer: a picture with layers, a plot with a line to drag, scores and buttons.
// Python decides what is shown (traits of the model); the page shows it and reports what the reader does (events).
//
// An event leaves only when the one before it was answered, and a newer value replaces one that still waits: there
// is never more than one on its way, and the newest wins. Where no answer comes, the reader is told.

const GONE = "The kernel is gone: run the cell again.";
const BUSY = "The kernel is busy: the picture follows as soon as it is free.";
const PATIENCE = 2000; // milliseconds without an answer
const NEWEST_WINS = ["value", "drag", "slider"];
const BREATH = 40; // milliseconds between two ticks of a played animation
const STEPS = { ArrowRight: 1, ArrowUp: 1, PageUp: 10, End: 1e9,
  ArrowLeft: -1, ArrowDown: -1, PageDown: -10, Home: -1e9 };

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const path = (points) => "M" + points.map(([row, column]) => `${column} ${row}`).join("L");
// A number with as many decimals as its step needs to be seen: none for a step of 1, two for 0.25, three for 1/256.
const decimals = (step) => [0, 1, 2].find((n) => Math.abs(step - step.toFixed(n)) < 1e-9)
  ?? clamp(Math.ceil(-Math.log10(step)), 0, 9);
const written = (value, step) => (+value).toFixed(decimals(step)).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
const setAll = (node, attributes) => Object.entries(attributes).forEach(([name, v]) => node.setAttribute(name, v));

function element(tag, attributes = {}, ...children) {
  const svg = ["svg", "path"].includes(tag) && "http://www.w3.org/2000/svg";
  const node = svg ? document.createElementNS(svg, tag) : document.createElement(tag);
  setAll(node, attributes);
  node.append(...children);
  return node;
}

/** A raster of palette numbers, one bit plane after the other, on a canvas of its own. */
function paint({ size: [height, width], palette, planes }, kind) {
  const canvas = element("canvas", { class: kind, width, height }), pixels = new Uint32Array(width * height);
  const bytes = new Uint8Array(planes.buffer, planes.byteOffset, planes.byteLength);
  for (let i = 0; i < pixels.length; i++) {
    let number = 0;
    for (let at = i >> 3, weight = 1; at < bytes.length; at += Math.ceil(pixels.length / 8), weight *= 2)
      if (bytes[at] & (128 >> (i & 7))) number += weight;
    pixels[i] = palette[number];
  }
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
  return canvas;
}

/** Sends events one at a time; calls `answered` at each answer and `silent` every PATIENCE without one. */
function messenger(model, answered, silent) {
  let queue = [], waiting = null, timer;
  const next = () => {
    if (waiting || !queue.length) return;
    const event = queue.shift();
    waiting = event.id = Math.random().toString(36);
    timer = setInterval(silent, PATIENCE);
    model.send(event);
  };
  model.on("msg:custom", ({ answered: id }) => {
    if (id !== waiting) return; // the answer to another view of the same model
    clearInterval(timer);
    waiting = null;
    answered();
    next();
  });
  return {
    send(kind, event = {}) {
      if (NEWEST_WINS.includes(kind)) queue = queue.filter((e) => e.kind !== kind || e.name !== event.name);
      queue.push({ kind, ...event });
      next();
    },
    busy: () => waiting !== null || queue.length > 0,
    close: () => clearInterval(timer),
  };
}

/** One toggle or push button an entry; those whose text stays are kept, so that none loses the focus. */
function showButtons(box, entries) {
  const texts = entries.map((e) => [e.label, e.key, e.colour, e.style].join("\n"));
  if (box.dataset.texts !== texts.join("\n\n")) {
    box.dataset.texts = texts.join("\n\n");
    box.replaceChildren(...entries.map((e) => element("button", { type: "button", title: e.hint ?? "" },
      ...(e.colour ? [element("i", { class: `swatch ${e.style}`, style: `--colour:${e.colour}` })] : []),
      e.label, ...(e.key?.length === 1 ? [element("kbd", { "aria-hidden": true }, e.key.toUpperCase())] : []))));
  }
  entries.forEach((e, i) => {
    if (e.hint) box.children[i].setAttribute("aria-label", e.hint);
    if (e.pressed !== undefined) box.children[i].setAttribute("aria-pressed", e.pressed);
  });
}

/** Follows one pointer (mouse, pen or finger) from down to up; `start` says whether it is to be followed. */
function follow(target, start, move, end) {
  let held = null;
  target.addEventListener("pointerdown", (e) => {
    if (e.button || !start(e)) return;
    e.preventDefault();
    target.focus({ preventScroll: true });
    target.setPointerCapture((held = e.pointerId));
  });
  target.addEventListener("pointermove", (e) => e.pointerId === held && move(e));
  const up = (e) => e.pointerId === held && ((held = null), end());
  target.addEventListener("pointerup", up);
  target.addEventListener("pointercancel", up);
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const set = (name, value) => { model.set(name, value); model.save_changes(); };

  // ------------------------------------------------------------------------------------ the parts of the page
  const id = "course" + Math.random().toString(36).slice(2);
  const photo = element("img", { class: "photo", alt: "", draggable: false });
  const overlays = element("div"), ink = element("svg");
  const picture = element("div", { class: "picture", tabindex: 0, role: "application",
    "aria-roledescription": "picture", "aria-describedby": `${id}-hint ${id}-keys` }, photo, overlays, ink);
  const chips = element("div", { class: "buttons", role: "group", "aria-label": "Layers" });
  const opacity = element("input", { type: "range", min: 0, max: 1, step: 0.05, "aria-label": "Opacity of layers" });
  const fader = element("label", { class: "fader" }, "Opacity", opacity);
  const plot = element("div", { class: "plot", tabindex: 0, role: "slider" });
  const panel = element("div", { class: "readout" });
  const actions = element("div", { class: "buttons", role: "group", "aria-label": "Actions" });
  const sliders = element("div", { class: "sliders" });
  const status = element("p", { class: "status", role: "status", "aria-live": "polite" });
  const hint = element("p", { class: "hint", id: `${id}-hint` }), keys = element("p", { id: `${id}-keys` });
  const root = element("div", { class: "course-canvas", role: "group" }, hint,
    element("div", { class: "body" }, element("div", {}, picture, element("div", { class: "tools" }, chips, fader)),
      element("div", { class: "right" }, plot, panel, sliders, actions)),
    status, element("details", {}, element("summary", {}, "Keys"), keys));
  photo.addEventListener("load", () => URL.revokeObjectURL(photo.src));
  el.append(element("style", {}, `#${get("strip")} {display: none}`), root); // gone with the canvas

  // ----------------------------------------------------------------------------------- talking to the kernel
  const say = (text) => { if (status.textContent !== text) status.textContent = text; };
  const silent = (text) => { root.classList.add("silent"); say(text); };
  const { send, busy, close } = messenger(model,
    () => { root.classList.remove("silent"); say(get("status")); adopt(); play(); },
    () => silent(model.widget_manager?.kernel?.status === "busy" ? BUSY : GONE));

  // ----------------------------------------------------------------------------------------------- showing
  let value = get("value"), draft = [], cursor = null, gesture = null, frame = 0, clock;
  const showPhoto = () => { photo.src = URL.createObjectURL(new Blob([get("image")])); };
  function showOverlays() {
    overlays.replaceChildren(...get("layers").map(({ fill, line }) =>
      element("div", {}, ...(fill ? [paint(fill, "fill")] : []), paint(line, "line"))));
    showLayers();
    picture.dataset.frame = ++frame;
  }
  function showLayers() {
    const layers = get("layers"), hidden = get("hidden");
    [...overlays.children].forEach((overlay, i) => { overlay.hidden = hidden.includes(layers[i]?.name); });
    root.style.setProperty("--opacity", (opacity.value = get("opacity")));
    fader.hidden = !layers.some((l) => l.fill);
    const chip = (l, i) => ({ ...l, label: l.name, key: `${i + 1}`, pressed: !hidden.includes(l.name) });
    showButtons(chips, layers.map(chip));
  }
  const showActions = () => showButtons(actions, get("actions").map((a) =>
    (a.brush ? { ...a, pressed: a.brush === get("brush") } : a)));
  function slider(name) {
    const input = element("input", { type: "range" });
    input.addEventListener("input", () => {
      input.nextSibling.value = written(input.value, +input.step);
      send("slider", { name, value: +input.value });
    });
    return element("label", { "data-name": name }, "", input, element("output"));
  }
  function showSliders() { // those that stay are left in their place, or they would lose the focus and the pointer
    const entries = get("sliders"), rows = sliders.children;
    entries.forEach(({ name, label, min, max, step }, i) => {
      if (rows[i]?.dataset.name !== name) sliders.insertBefore(slider(name), rows[i] ?? null);
      rows[i].firstChild.data = label;
      setAll(rows[i].querySelector("input"), { min, max, step, "aria-label": label });
    });
    while (rows.length > entries.length) sliders.lastChild.remove();
    if (!busy()) entries.forEach(({ value, step }, i) => {
      const [input, output] = sliders.children[i].children;
      input.value = value;
      output.value = written(value, step);
    });
  }
  function play() {
    clearTimeout(clock);
    clock = setTimeout(() => get("playing") && !busy() && send("tick"), BREATH);
  }
  function showPlot() {
    const p = get("plot");
    plot.hidden = !p.svg;
    if (!p.svg) return;
    plot.innerHTML = p.svg;
    setAll(plot, { "aria-label": p.name, "aria-valuemin": p.min, "aria-valuemax": p.max });
    moveLine();
  }
  function moveLine() {
    if (plot.hidden) return;
    const p = get("plot"), part = clamp((value - p.min) / (p.max - p.min), 0, 1), at = part * p.width;
    const [from, to] = p.side > 0 ? [at, p.width] : [0, at], line = plot.querySelector(".line");
    setAll(plot.querySelector(".chosen"), { x: from, width: to - from, viewBox: `${from} 0 ${to - from} ${p.height}` });
    line.setAttribute("transform", `translate(${at} 0)`);
    line.querySelector(".value").textContent = written(value, (p.max - p.min) / p.steps);
    line.querySelector(".dot").setAttribute("cy", p.curve[Math.round(part * (p.curve.length - 1))] ?? -99);
    plot.setAttribute("aria-valuenow", value);
  }
  function showInk() { // what was drawn, what is being drawn, the cross
    const [height, width] = get("size");
    const all = [...get("marks"), ...(draft.length ? [{ points: draft, brush: get("brush") }] : [])];
    const line = (d, kind, stroke) => [`${kind} halo`, kind].map((name) => element("path", { d, class: name, stroke }));
    ink.setAttribute("viewBox", `-0.5 -0.5 ${width} ${height}`);
    ink.replaceChildren(...all.flatMap(({ points, brush, closed }) => {
      const kind = `${points.length > 1 ? "trace" : "spot"} brush-${brush}`;
      return line(path(points) + (closed ? "z" : "h0"), kind, get("colours")[brush - 1]);
    }), ...(cursor ? line(`M${cursor[1]} -0.5V${height}M-0.5 ${cursor[0]}H${width}`, "cross", "#fff") : []));
  }
  function showTexts() {
    const [height, width] = get("size");
    setAll(root, { "aria-label": get("label") });
    setAll(picture, { "aria-label": get("label"), "data-tool": get("tool"),
      "data-pixels": Math.max(width, height) < 200,
      style: `aspect-ratio:${width}/${height};max-width:calc(56vh*${width / height})` });
    hint.textContent = get("hint");
    keys.textContent = get("keyboard");
  }
  function adopt() { // Python's value, unless a newer one of ours is on its way
    if (!busy()) value = get("value");
    moveLine();
    showSliders();
  }

  // ------------------------------------------------------------------------------------- what the reader does
  function slideTo(wanted) {
    const p = get("plot"), step = (p.max - p.min) / p.steps;
    value = p.min + clamp(Math.round((wanted - p.min) / step), 0, p.steps) * step;
    moveLine();
    send("value", { value });
  }
  function toggle({ name }) {
    const hidden = get("hidden");
    set("hidden", hidden.includes(name) ? hidden.filter((n) => n !== name) : [...hidden, name]);
  }
  const choose = ({ name, brush }) => (brush ? set("brush", brush) : send("action", { name }));
  const fade = (to) => set("opacity", clamp(Math.round(20 * to) / 20, 0, 1));
  function place(e) { // [row, column]; whole numbers are the centres of pixels
    const box = picture.getBoundingClientRect();
    const part = [(e.clientY - box.top) / box.height, (e.clientX - box.left) / box.width];
    return get("size").map((n, i) => Math.round(10 * clamp(part[i] * n - 0.5, 0, n - 1)) / 10);
  }
  const near = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) * picture.clientWidth < 8 * get("size")[1];
  function finish(kind, more = {}) {
    send(kind, { points: draft, brush: get("brush"), ...more });
    draft = []; // it comes back from the kernel as a mark
  }
  function press(point) { // a click, or Enter at the cross
    const tool = get("tool"), again = draft.length > 0 && near(draft.at(-1), point);
    const closed = draft.length > 2 && near(draft[0], point);
    cursor = point;
    if (tool !== "stroke" && !again && !closed) draft.push(point);
    if (tool === "click" || (tool === "polyline" && (closed || (again && draft.length > 1)))) finish(tool, { closed });
    else if (tool === "stroke") draft.length ? finish(tool) : draft.push(point);
    showInk();
  }
  function step(key, by) {
    const at = (cursor ?? get("size").map((n) => n / 2)).map(Math.round), axis = /Left|Right/.test(key) ? 1 : 0;
    at[axis] = clamp(at[axis] + (/Up|Left/.test(key) ? -by : by), 0, get("size")[axis] - 1);
    cursor = at;
    if (get("tool") === "stroke" && draft.length) draft.push(at);
    say(`Row ${at[0]}, column ${at[1]}`);
    showInk();
  }
  // JupyterLab takes arrows and letters for itself (D twice deletes a cell!) unless the focused element says not to.
  // Ctrl+S and its like are left to it. It listens on the document; the window hears of a key before that.
  const modified = (e) => e.ctrlKey || e.metaKey || e.altKey;
  const claim = (e) => root.contains(e.target) && e.target.toggleAttribute("data-lm-suppress-shortcuts", !modified(e));
  window.addEventListener("keydown", claim, true);
  root.addEventListener("keydown", (e) => {
    if (modified(e) || (e.target.type === "range" && e.key in STEPS)) return;
    const action = get("actions").find((a) => a.key?.toLowerCase() === e.key.toLowerCase());
    const layer = get("layers")[e.key - 1], p = get("plot"), fading = { "+": 0.1, "=": 0.1, "-": -0.1 }[e.key];
    if (e.target === plot && e.key in STEPS) slideTo(value + (STEPS[e.key] * (p.max - p.min)) / p.steps);
    else if (action) choose(action);
    else if (layer) toggle(layer);
    else if (fading) fade(get("opacity") + fading);
    else if (e.target !== picture || !["click", "stroke", "polyline"].includes(get("tool"))) return;
    else if (e.key.startsWith("Arrow")) step(e.key, e.shiftKey ? 10 : 1);
    else if (e.key === "Enter" || e.key === " ") press(cursor ?? get("size").map((n) => n >> 1));
    else if (e.key === "Backspace") send("undo");
    else if (e.key === "Escape") { draft = []; showInk(); }
    else return;
    e.preventDefault();
    e.stopPropagation();
  });
  const slide = (e) => {
    const p = get("plot"), svg = plot.firstElementChild;
    const { x } = new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse());
    slideTo(p.min + (x / p.width) * (p.max - p.min));
    return true;
  };
  follow(plot, slide, slide, () => {});
  follow(picture,
    (e) => {
      gesture = { gesture: Math.random(), from: place(e) };
      if (get("tool") === "stroke") draft = [gesture.from];
      return ["stroke", "drag"].includes(get("tool"));
    },
    (e) => {
      if (get("tool") === "drag") return send("drag", { ...gesture, to: place(e) });
      draft.push(place(e));
      showInk();
    },
    () => get("tool") === "stroke" && (finish("stroke"), showInk()));
  picture.addEventListener("click", (e) => ["click", "polyline"].includes(get("tool")) && press(place(e)));
  const pick = (box, entries, chosen) => box.addEventListener("click", (e) => {
    const index = [...box.children].indexOf(e.target.closest("button"));
    if (index >= 0) chosen(get(entries)[index]);
  });
  pick(chips, "layers", toggle);
  pick(actions, "actions", choose);
  opacity.addEventListener("input", () => fade(opacity.value));

  // -------------------------------------------------------------------------------------- what Python changes
  const shows = { plot: showPlot, value: adopt, image: showPhoto, layers: showOverlays, "hidden opacity": showLayers,
    "marks size colours": showInk, "label hint keyboard size tool": showTexts,
    panel: () => { panel.innerHTML = get("panel"); }, "actions brush": showActions,
    sliders: showSliders, playing: play,
    status: () => { say(get("status")); plot.setAttribute("aria-valuetext", get("status")); } };
  for (const [names, show] of Object.entries(shows)) {
    for (const name of names.split(" ")) model.on(`change:${name}`, show);
    show();
  }
  model.on("comm_live_update", () => silent(GONE));
  return () => { close(); clearTimeout(clock); window.removeEventListener("keydown", claim, true); };
}

export default { render };
