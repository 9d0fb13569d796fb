// Draws the executed graphs of the page: pan, zoom, search, colours, a row for each node; by mouse, touch and keyboard.
(() => {
"use strict";
const SVG = "http://www.w3.org/2000/svg";
const BOX = { width: 190, height: 42 };
const READABLE = 0.38;  // below this scale no text is drawn
const FIRST = 0.8;  // a graph that does not fit begins at this scale, at its top
const LEAST = 0.02, MOST = 4;
// The colours of the report's figures; what computes in none of these types is neutral.
const TYPES = { f32: ["FP32", "#a9b6c9"], bf16: ["BF16", "#4fbf98"], f16: ["FP16", "#86c9ef"], i8: ["INT8", "#ef9a62"] };
const OTHER = "#d9dce1", UNKNOWN = "#eceef1";
const HEAT = ["#fff8ea", "#fdd9a0", "#fc9a5e", "#d7301f", "#7f0000"];
const SLOWER = ["#f5f5f5", "#fdb863", "#b35806"], FASTER = ["#f5f5f5", "#92c5de", "#2166ac"];
const HELP = [
  ["arrow keys", "from node to node"], ["+ − 0", "zoom, all"], ["Shift + arrow keys", "move"], ["/", "search"],
  ["Esc", "let go"], ["drag", "move"], ["Ctrl + wheel", "zoom"],
];

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(2).replace("-", "−");
  const digits = size === 0 ? 0 : clamp(2 - Math.floor(Math.log10(size)), 0, 4);
  return value.toFixed(digits).replace("-", "−");
}

function mixed(stops, at) {
  const place = clamp(at, 0, 1) * (stops.length - 1), low = Math.min(Math.floor(place), stops.length - 2);
  const parts = [stops[low], stops[low + 1]].map((one) => [1, 3, 5].map((i) => parseInt(one.slice(i, i + 2), 16)));
  return "#" + parts[0].map((a, i) => Math.round(a + (parts[1][i] - a) * (place - low)).toString(16).padStart(2, "0")).join("");
}

// Black or white, whichever is easier to read on a colour (relative luminance as WCAG 2 defines it).
function inkOn(colour) {
  const parts = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] > 0.18 ? "#15181c" : "#ffffff";
}

// The end of a name says most: the folders before it are those of its neighbours too.
function shortened(text, most) {
  text = text.replace(/\/WithoutBiases$/, "");  // what OpenVINO adds where it parts a convolution from its bias
  return text.length <= most ? text : "…" + text.slice(1 - most);
}

// The longest path through the graph: drawn as a straight line, it keeps what branches off beside it.
function backbone(nodes, edges) {
  const length = nodes.map(() => 0), before = nodes.map(() => -1);
  const forward = edges.filter(([from, to]) => from < to).sort((a, b) => a[0] - b[0]);
  for (const [from, to] of forward) if (length[from] + 1 > length[to]) [length[to], before[to]] = [length[from] + 1, from];
  const path = [];
  for (let at = length.indexOf(Math.max(...length)); at >= 0; at = before[at]) path.unshift(at);
  return path;
}

// Positions by dagre; without edges (a device that does not report them) the order of execution in lines.
function laidOut(nodes, edges) {
  if (!edges.length) {
    const across = Math.max(1, Math.ceil(Math.sqrt(nodes.length / 3)));
    nodes.forEach((node, i) => {
      node.x = (i % across + 0.5) * (BOX.width + 20);
      node.y = (Math.floor(i / across) + 0.5) * (BOX.height + 20);
    });
    return [];
  }
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ nodesep: 22, ranksep: 30, edgesep: 14 });
  nodes.forEach((node) => graph.setNode(String(node.at), { ...BOX }));
  const path = backbone(nodes, edges), next = new Map(path.map((at, i) => [at, path[i + 1]]));
  edges.forEach(([from, to]) => graph.setEdge(String(from), String(to), { weight: next.get(from) === to ? 20 : 1 }));
  dagre.layout(graph, { corePath: path.map(String) });
  nodes.forEach((node) => Object.assign(node, (({ x, y }) => ({ x, y }))(graph.node(String(node.at)))));
  return edges.map(([from, to]) => graph.edge(String(from), String(to)).points);
}

function curve(points) {
  const [first, ...rest] = points;
  let path = `M${first.x.toFixed(1)},${first.y.toFixed(1)}`;
  rest.forEach((end, i) => {
    const start = points[i], middle = (start.y + end.y) / 2;
    path += `C${start.x.toFixed(1)},${middle.toFixed(1)} ${end.x.toFixed(1)},${middle.toFixed(1)} ${end.x.toFixed(1)},${end.y.toFixed(1)}`;
  });
  return path;
}

class Topology {
  constructor(root, index) {
    this.root = root;
    this.data = JSON.parse(root.querySelector("script").textContent);
    this.id = `topology-${index}`;
    this.variants = this.data.variants.map((one) => this.variantOf(one));
    this.view = { x: 0, y: 0, scale: 1 };
    this.chosen = null;
    this.found = [];
    this.build();
    this.show(this.variants[0]);
  }

  variantOf(plain) {
    const text = (name, i) => this.data.words[plain.words[name][i]];
    const names = Object.keys(plain.words), numbers = Object.keys(plain.numbers);
    const nodes = plain.words.node.map((_, i) => ({
      at: i, from: [], to: [],
      ...Object.fromEntries(names.map((name) => [name, text(name, i)])),
      ...Object.fromEntries(numbers.map((name) => [name, plain.numbers[name][i]])),
    }));
    plain.edges.forEach(([from, to], i) => {
      nodes[from].to.push([to, i]);
      nodes[to].from.push([from, i]);
    });
    return { name: plain.name, nodes, edges: plain.edges, against: plain.against };
  }

  build() {
    const select = (entries) => make("select", {}, ...entries.map(([value, words]) => make("option", { value }, words)));
    const button = (words, title, act) => {
      const one = make("button", { type: "button", title, "aria-label": title }, words);
      one.addEventListener("click", act);
      return one;
    };
    this.which = select(this.variants.map((one, i) => [i, one.name]));
    this.colours = make("select");
    this.search = make("input", { type: "search", placeholder: "name, type, kernel or layer", "aria-label": "search nodes" });
    this.count = make("span", { class: "t-count", "aria-live": "polite" });
    const bar = make("div", { class: "t-bar" }, make("h4", {}, this.data.title),
      make("label", {}, "variant", this.which), make("label", {}, "colour", this.colours),
      make("label", {}, "search", this.search), this.count,
      make("span", {}, button("+", "zoom in", () => this.zoom(1.3)), " ", button("−", "zoom out", () => this.zoom(1 / 1.3)), " ",
        button("all", "show all", () => this.fit(0)),
        ...(document.fullscreenEnabled ? [" ", button("full screen", "full screen, and back", () => this.enlarge())] : [])));
    this.canvas = draw("svg", { class: "t-view", tabindex: "0", role: "application", "aria-roledescription": "graph",
      "aria-label": `Executed graph of ${this.data.title}: arrow keys go from node to node` });
    this.small = draw("svg", { class: "t-small", "aria-hidden": "true" });
    this.row = make("div", { class: "t-row", tabindex: "0", role: "region", "aria-label": "row of the chosen node" });
    this.legend = make("div", { class: "t-legend" });
    this.said = make("div", { class: "t-say", role: "status" });
    this.stage = make("div", { class: "t-stage" }, this.canvas, this.small);
    this.root.append(bar, make("div", { class: "t-body" }, this.stage, this.row), this.legend, this.said);
    this.which.addEventListener("change", () => this.show(this.variants[Number(this.which.value)]));
    this.colours.addEventListener("change", () => this.paint());
    this.search.addEventListener("input", () => {
      this.find();
      if (this.found.length && !this.found.includes(this.chosen)) this.reveal(this.found[0]);
    });
    this.search.addEventListener("keydown", (event) => this.searchKey(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.dragging();
    new ResizeObserver(() => this.resized()).observe(this.stage);
  }

  // Show a variant; the chosen node stays where the other variant has one that stands for the same layer.
  show(variant) {
    const before = this.chosen;
    this.variant = variant;
    const numbers = [["precision", "executed precision"], ["time", "time"], ["roof", "share of its roof"]];
    const others = Object.keys(variant.against).map((name) => [`against ${name}`, `speed-up against ${name}`]);
    const asked = this.colours.value;
    this.colours.replaceChildren(...[...numbers, ...others].map(([value, words]) => make("option", { value }, words)));
    if ([...this.colours.options].some((one) => one.value === asked)) this.colours.value = asked;
    variant.points ??= laidOut(variant.nodes, variant.edges);
    this.render();
    this.find();
    this.fit(FIRST);
    const layers = before === null ? [] : before.layers.split(",").filter(Boolean);
    this.choose(variant.nodes.find((node) => node.layers.split(",").some((one) => layers.includes(one))) ?? null, true);
  }

  render() {
    const { nodes, points } = this.variant;
    const arrow = draw("marker", { id: `${this.id}-head`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6,
      markerHeight: 6, orient: "auto" }, draw("path", { class: "t-head", d: "M0,0L8,4L0,8z" }));
    this.lines = points.map((one) => draw("path", { class: "t-edge", d: curve(one), "marker-end": `url(#${this.id}-head)` }));
    for (const node of nodes) {
      const [left, top] = [node.x - BOX.width / 2, node.y - BOX.height / 2];
      const texts = [
        draw("text", { class: "t-kind", x: left + 8, y: top + 17 }, shortened(node.type, 17)),
        draw("text", { class: "t-right", x: left + BOX.width - 8, y: top + 17 }),
        draw("text", { x: left + 8, y: top + 33 }, node.layers ? shortened(node.node, 20) : node.conversion),
        draw("text", { class: "t-right", x: left + BOX.width - 8, y: top + 33 }, node.layers ? node.executed_precision : ""),
      ];
      const box = draw("rect", { x: left, y: top, rx: 6, ...BOX });
      node.group = draw("g", { class: `t-node${node.layers ? "" : " t-inserted"}` },
        draw("title", {}, `${node.type} ${node.node}`), box, ...texts);
      node.dot = draw("rect", { x: left, y: top, ...BOX });
      node.group.addEventListener("click", () => this.moved || this.choose(node));
    }
    const [xs, ys] = ["x", "y"].map((key) => nodes.map((node) => node[key]));
    points.flat().forEach((one) => { xs.push(one.x); ys.push(one.y); });
    const room = 24 + BOX.width / 2, above = 24 + BOX.height / 2;
    const [left, top] = [Math.min(...xs) - room, Math.min(...ys) - above];
    this.extent = { left, top, width: Math.max(...xs) + room - left, height: Math.max(...ys) + above - top };
    this.scene = draw("g", {}, draw("g", {}, ...this.lines), draw("g", {}, ...nodes.map((node) => node.group)));
    this.canvas.replaceChildren(draw("defs", {}, arrow), this.scene);
    this.frame = draw("rect", { class: "t-window" });
    this.small.replaceChildren(...nodes.map((node) => node.dot), this.frame);
    const { width, height } = this.extent;
    this.small.setAttribute("viewBox", `${left} ${top} ${width} ${height}`);
    this.paint();
  }

  paint() {
    const how = this.colours.value, { nodes } = this.variant;
    const colourOf = this.scaleOf(how, nodes);
    for (const node of nodes) {
      const colour = colourOf(node);
      node.group.children[1].setAttribute("fill", colour);
      node.group.setAttribute("fill", inkOn(colour));
      node.dot.setAttribute("fill", colour);
      const ratio = how.startsWith("against ") ? this.variant.against[how.slice(8)][node.at] : null;
      const time = node.time_us ? `${number(node.time_us)} µs` : "";
      node.group.querySelector(".t-right").textContent = ratio === null ? time : `${number(ratio)} ×`;
      node.dot.setAttribute("stroke", how === "precision" ? colour : "#8a929c");
    }
  }

  // Return the colour of a node, and write the legend.
  scaleOf(how, nodes) {
    const swatch = (colour, words, dashed = false) =>
      make("span", {}, make("i", { style: `background:${colour}`, ...(dashed ? { class: "t-dashed" } : {}) }), words);
    const ramp = (stops, low, high, words) =>
      [make("span", {}, `${words} ${low}`.trim(), make("b", { style: `background:linear-gradient(90deg,${stops.join(",")})` }), high)];
    const inserted = nodes.some((node) => !node.layers) ? [swatch("transparent", "inserted by the plugin", true)] : [];
    if (how === "time") {
      const most = Math.max(...nodes.map((node) => node.time_us ?? 0), 1e-9);
      // The root spreads the many short nodes.
      this.legend.replaceChildren(...ramp(HEAT, "0", `${number(most)} µs`, "time"), ...inserted);
      return (node) => mixed(HEAT, Math.sqrt((node.time_us ?? 0) / most));
    }
    if (how === "roof") {
      const stops = [...HEAT].reverse();
      this.legend.replaceChildren(...ramp(stops, "0", "100 %", "share of its roof"), swatch(UNKNOWN, "multiplies nothing"), ...inserted);
      return (node) => (node.roof_share === null ? UNKNOWN : mixed(stops, node.roof_share / 100));
    }
    if (how.startsWith("against ")) {
      const ratios = this.variant.against[how.slice(8)];
      const logs = ratios.filter((one) => one !== null).map((one) => Math.abs(Math.log2(one))).sort((a, b) => a - b);
      // A few nodes that gain most would leave no colours for the others.
      const end = clamp(Math.ceil(logs[Math.floor(0.9 * logs.length)] ?? 1), 1, 4), stops = [...SLOWER.slice(1).reverse(), ...FASTER];
      this.legend.replaceChildren(...ramp(stops, `1/${2 ** end} × and less (slower)`, `${2 ** end} × and more (faster)`, ""),
        swatch(UNKNOWN, "no counterpart, or below what counters resolve"), ...inserted);
      return (node) => {
        const ratio = ratios[node.at];
        if (ratio === null) return UNKNOWN;
        return mixed(ratio < 1 ? SLOWER : FASTER, Math.abs(Math.log2(ratio)) / end);
      };
    }
    const present = Object.keys(TYPES).filter((kind) => nodes.some((node) => node.executed_precision === kind));
    const rest = nodes.some((node) => !TYPES[node.executed_precision]) ? [swatch(OTHER, "other, or not reported")] : [];
    this.legend.replaceChildren(...present.map((kind) => swatch(TYPES[kind][1], TYPES[kind][0])), ...rest, ...inserted);
    return (node) => (TYPES[node.executed_precision] ?? [, OTHER])[1];
  }

  choose(node, still = false) {
    this.chosen?.group.classList.remove("t-chosen");
    this.lines.forEach((line) => line.classList.remove("t-near"));
    this.chosen = node;
    if (node === null) return this.describeAll();
    node.group.classList.add("t-chosen");
    [...node.from, ...node.to].forEach(([, edge]) => this.lines[edge]?.classList.add("t-near"));
    this.describe(node);
    this.reveal(node, still);
    this.said.textContent = `${node.type} ${node.node}, ${number(node.time_us)} microseconds, ${number(node.share)} percent of the time`;
  }

  describeAll() {
    const { nodes, edges } = this.variant, timed = nodes.filter((node) => node.time_us).length;
    const help = HELP.map(([keys, words]) => make("li", {}, make("kbd", {}, keys), ` ${words}`));
    const edgeless = edges.length ? [] : [make("p", {}, "The device does not report how its nodes are connected: they are in the order of execution.")];
    this.row.replaceChildren(make("h5", {}, this.variant.name),
      make("p", {}, `${nodes.length} executed nodes, ${timed} of which take time that counters resolve.`), ...edgeless,
      make("p", {}, "Choose a node to see its row."), make("ul", {}, ...help));
  }

  describe(node) {
    const rows = [["kernel", node.kernel], ["executed in", node.executed_precision],
      [node.layers ? "original layers" : "inserted", node.layers ? node.layers.split(",").join(", ") : node.conversion], ["output", node.shape]];
    for (const [name, title, unit] of this.data.numbers) rows.push([title, node[name] === null ? "" : `${number(node[name])} ${unit}`]);
    for (const [other, ratios] of Object.entries(this.variant.against)) {
      rows.push([`speed-up against ${other}`, ratios[node.at] === null ? "" : `${number(ratios[node.at])} ×`]);
    }
    const lines = rows.flatMap(([title, value]) => [make("dt", {}, title), make("dd", {}, value || "–")]);
    this.row.replaceChildren(make("h5", {}, node.type), make("p", {}, node.node), make("dl", {}, ...lines));
    this.row.scrollTop = 0;
  }

  find() {
    const asked = this.search.value.trim().toLowerCase();
    const fits = (node) => ["node", "type", "kernel", "layers", "executed_precision", "conversion"].some((key) => node[key].toLowerCase().includes(asked));
    this.found = asked ? this.variant.nodes.filter(fits) : [];
    for (const node of this.variant.nodes) {
      const hit = this.found.includes(node);
      node.group.classList.toggle("t-found", hit);
      node.group.classList.toggle("t-pale", Boolean(asked) && !hit);
      node.dot.setAttribute("opacity", asked && !hit ? 0.2 : 1);
    }
    this.count.textContent = asked ? `${this.found.length} of ${this.variant.nodes.length} nodes` : "";
  }

  searchKey(event) {
    if (event.key === "Escape") {
      this.search.value = "";
      this.find();
      this.canvas.focus();
    }
    if (event.key !== "Enter" || !this.found.length) return;
    const next = this.found.indexOf(this.chosen) + (event.shiftKey ? -1 : 1);
    this.choose(this.found.at(next % this.found.length));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [1, 0], ArrowRight: [-1, 0] };
    const others = {
      "+": () => this.zoom(1.3), "=": () => this.zoom(1.3), "-": () => this.zoom(1 / 1.3), "0": () => this.fit(0),
      "/": () => this.search.focus(), Escape: () => this.choose(null), Enter: () => this.row.focus(),
      Home: () => this.choose(this.variant.nodes[0]), End: () => this.choose(this.variant.nodes.at(-1)),
    };
    if (event.key in steps && event.shiftKey) this.pan(...steps[event.key].map((one) => 60 * one));
    else if (event.key in steps) this.step(event.key);
    else if (event.key in others) others[event.key]();
    else return;
    event.preventDefault();
  }

  step(key) {
    const { nodes, edges } = this.variant, node = this.chosen;
    if (node === null) return this.choose(nodes.find((one) => one.from.length + one.to.length) ?? nodes[0]);
    const nearest = (list) => list.reduce((best, one) => (best === null || distance(one) < distance(best) ? one : best), null);
    const distance = (one) => Math.abs(one.x - node.x);
    let next = null;
    if (!edges.length) next = nodes[node.at + { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[key]];
    else if (key === "ArrowUp") next = nearest(node.from.map(([at]) => nodes[at]));
    else if (key === "ArrowDown") next = nearest(node.to.map(([at]) => nodes[at]));
    else {
      const side = key === "ArrowRight" ? 1 : -1;
      next = nearest(nodes.filter((one) => Math.abs(one.y - node.y) < BOX.height && side * (one.x - node.x) > 1));
    }
    if (next) this.choose(next);
  }

  // The window on the graph: what is at (x, y) of the graph is drawn at scale * (x, y) + offset of the canvas.
  apply() {
    const { x, y, scale } = this.view, { left, top, width, height } = this.extent;
    this.scene.setAttribute("transform", `translate(${x.toFixed(2)},${y.toFixed(2)}) scale(${scale.toFixed(4)})`);
    this.canvas.classList.toggle("t-far", scale < READABLE);
    const { clientWidth, clientHeight } = this.stage;
    const start = [clamp(-x / scale, left, left + width), clamp(-y / scale, top, top + height)];
    const end = [clamp((clientWidth - x) / scale, left, left + width), clamp((clientHeight - y) / scale, top, top + height)];
    fill(this.frame, { x: start[0], y: start[1], width: Math.max(0, end[0] - start[0]), height: Math.max(0, end[1] - start[1]) }, []);
    const whole = (end[0] - start[0]) * (end[1] - start[1]) > 0.98 * width * height;
    this.small.style.display = whole ? "none" : "";
  }

  fit(least) {
    const { clientWidth, clientHeight } = this.stage;
    if (!clientWidth) return;
    const { left, top, width, height } = this.extent;
    const whole = Math.min(clientWidth / width, clientHeight / height, 1.2);
    const scale = clamp(whole, Math.max(LEAST, Math.min(least, clientWidth / width * 2)), MOST);
    const first = this.variant.nodes[0];
    const across = width * scale <= clientWidth ? left + width / 2 : first.x;
    this.view = { scale, x: clientWidth / 2 - scale * across, y: whole === scale ? (clientHeight - scale * height) / 2 - scale * top : -scale * top };
    this.apply();
  }

  resized() {
    if (this.stage.clientWidth === this.width) return this.apply();
    this.width = this.stage.clientWidth;
    this.fit(FIRST);
  }

  zoom(factor, at = null) {
    const { clientWidth, clientHeight } = this.stage, { x, y, scale } = this.view;
    const [cx, cy] = at ?? [clientWidth / 2, clientHeight / 2], next = clamp(scale * factor, LEAST, MOST);
    this.view = { scale: next, x: cx - (cx - x) * next / scale, y: cy - (cy - y) * next / scale };
    this.apply();
  }

  pan(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.apply();
  }

  reveal(node, still = false) {
    if (this.view.scale < READABLE && !still) this.view.scale = READABLE * 1.6;
    const { clientWidth, clientHeight } = this.stage, { scale } = this.view;
    const [px, py] = [scale * node.x + this.view.x, scale * node.y + this.view.y];
    const [mx, my] = [Math.min(clientWidth / 2, scale * BOX.width + 90), Math.min(clientHeight / 2, scale * BOX.height + 60)];
    if (px < mx || px > clientWidth - mx) this.view.x = clientWidth / 2 - scale * node.x;
    if (py < my || py > clientHeight - my) this.view.y = clientHeight / 2 - scale * node.y;
    this.apply();
  }

  place(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  wheel(event) {
    // Without Ctrl the page scrolls, unless the picture fills the screen.
    if (!event.ctrlKey && !event.metaKey && document.fullscreenElement !== this.root) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), this.place(event));
  }

  // One finger or the mouse moves, two fingers zoom.
  dragging() {
    const down = new Map();
    let start = null;
    this.moved = false;
    this.canvas.addEventListener("pointerdown", (event) => {
      down.set(event.pointerId, this.place(event));
      if (down.size === 1) { start = this.place(event); this.moved = false; }
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const before = down.get(event.pointerId);
      if (!before) return;
      const now = this.place(event);
      // Only a real move takes the pointer, so that a click still reaches its node.
      if (!this.moved && Math.hypot(now[0] - start[0], now[1] - start[1]) < 4 && down.size === 1) return;
      if (!this.moved) { this.moved = true; this.canvas.setPointerCapture(event.pointerId); this.canvas.classList.add("t-moving"); }
      if (down.size === 1) this.pan(now[0] - before[0], now[1] - before[1]);
      else {
        const other = [...down].find(([id]) => id !== event.pointerId)[1];
        const span = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
        this.zoom(span(now) / Math.max(1, span(before)), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
      }
      down.set(event.pointerId, now);
    });
    const up = (event) => {
      down.delete(event.pointerId);
      if (!down.size) { this.canvas.classList.remove("t-moving"); setTimeout(() => { this.moved = false; }); }
    };
    ["pointerup", "pointercancel"].forEach((name) => this.canvas.addEventListener(name, up));
    const jump = (event) => {
      if (event.buttons !== 1) return;
      const box = this.small.getBoundingClientRect(), { left, top, width, height } = this.extent;
      const scale = Math.min(box.width / width, box.height / height);
      const [x, y] = [left + width / 2 + (event.clientX - box.left - box.width / 2) / scale, top + height / 2 + (event.clientY - box.top - box.height / 2) / scale];
      this.view.x = this.stage.clientWidth / 2 - this.view.scale * x;
      this.view.y = this.stage.clientHeight / 2 - this.view.scale * y;
      this.apply();
    };
    this.small.addEventListener("pointerdown", (event) => { this.small.setPointerCapture(event.pointerId); jump(event); });
    this.small.addEventListener("pointermove", jump);
  }

  enlarge() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen();
  }
}

const style = document.getElementById("topology-style");
document.head.append(style.content.cloneNode(true));
// Drawn once, when it comes into sight (of which several may tell) or is printed: laying out takes a second.
const waiting = new Set(document.querySelectorAll(".topology"));
const roots = [...waiting];
const drawOnce = (root) => {
  if (!waiting.delete(root)) return;
  seen.unobserve(root);
  new Topology(root, roots.indexOf(root));
};
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) drawOnce(target);
}, { rootMargin: "400px" });
roots.forEach((root) => seen.observe(root));
addEventListener("beforeprint", () => roots.forEach(drawOnce));
})();
