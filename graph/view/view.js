"use strict";
(async () => {
const read = id => JSON.parse(document.getElementById(id).textContent);
const byId = id => document.getElementById(id);
const data = read("data"), box = byId("plot"), aside = document.querySelector("aside");
document.title = data.title; document.querySelector("h1").textContent = data.title;
const FEW = 150;        // up to so many nodes, labels have room of their own
const MANY = 1500;      // of more edges, lines are thin and faint, and have no heads
const STEP = 12;        // neighbours that one expansion draws
const IDEAL = 95;       // length of an edge in the layout
const EDGE_COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
const polygon = (n, turn) => Array.from({length: n}, (_, i) => [Math.sin(turn + 2 * Math.PI * i / n), -Math.cos(turn + 2 * Math.PI * i / n)]);
const SHAPES = {
  circle: polygon(24, 0), square: polygon(4, Math.PI / 4), diamond: polygon(4, 0), hex: polygon(6, Math.PI / 6),
  triangle: polygon(3, 0), inverted_triangle: polygon(3, Math.PI),
  star: polygon(10, 0).map(([x, y], i) => i % 2 ? [.45 * x, .45 * y] : [x, y]),
};
const plain = relation => relation.toLowerCase().replaceAll("_", " ");
const clipped = (name, most = 30) => name.length > most ? name.slice(0, most - 1) + "…" : name;
const shown = p => p === null || p === undefined ? "no probability" : p.toFixed(p < .1 ? 3 : 2);

// What the page carries.
const nodes = data.nodes.map((n, i) => ({...n, i, on: n.shown, x: 0, y: 0, edges: [], near: new Set()}));
const edges = data.edges.map(e => ({...e, a: nodes[e.a], b: nodes[e.b], key: (e.predicted ? "predicted: " : "") + plain(e.relation)}));
const between = new Map();
for (const e of edges) {
  for (const [n, other] of [[e.a, e.b], [e.b, e.a]]) { n.edges.push(e); if (other !== n) n.near.add(other); }
  const pair = e.a.i < e.b.i ? e.a.i + " " + e.b.i : e.b.i + " " + e.a.i, place = between.get(pair) ?? 0;
  // Edges of the same two nodes lie side by side.
  e.shift = (e.a.i < e.b.i ? 1 : -1) * (-1) ** place * Math.ceil(place / 2);
  between.set(pair, place + 1);
}
const tally = keys => { const counts = new Map(); for (const k of keys) counts.set(k, (counts.get(k) ?? 0) + 1); return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)); };
const relations = tally(edges.map(e => e.key)), sources = tally(edges.flatMap(e => e.sources));
const names = [...new Set(tally(edges.map(e => e.relation)).map(([name]) => name))];
const edgeColour = e => EDGE_COLOURS[names.indexOf(e.relation)] ?? "#767676";
const off = {kind: new Set(), relation: new Set(), source: new Set()};
let least = 0, chosen = null, over = null, query = "";

const keeps = e => !off.relation.has(e.key) && e.sources.some(s => !off.source.has(s)) && (least === 0 || (e.probability ?? 0) >= least)
  && !off.kind.has(e.a.kind) && !off.kind.has(e.b.kind);
const drawnEdges = () => edges.filter(e => e.a.on && e.b.on && keeps(e));
function drawnNodes(lines) {
  // A node whose edges are all filtered away goes with them; one that has none in this page stays.
  const joined = new Set(lines.flatMap(e => [e.a, e.b]));
  return nodes.filter(n => n.on && !off.kind.has(n.kind) && (joined.has(n) || n.centre || n === chosen || !n.edges.some(e => e.a.on && e.b.on)));
}

// Layout: springs along edges, repulsion between nodes, then room for every node and label. What is
// settled gives way a little, or, where there are many nodes, not at all, so that only the new ones cost.
function arrange(list, rounds, settled = new Set()) {
  const index = new Map(list.map((n, i) => [n, i])), count = list.length;
  const xs = Float64Array.from(list, n => n.x), ys = Float64Array.from(list, n => n.y);
  const isFirm = list.map(n => list.length > FEW && settled.has(n)), free = settled.size && list.length > FEW ? list.flatMap((_, i) => isFirm[i] ? [] : [i]) : null;
  const links = drawnEdges().filter(e => index.has(e.a) && index.has(e.b) && e.a !== e.b && !(isFirm[index.get(e.a)] && isFirm[index.get(e.b)])).map(e => [index.get(e.a), index.get(e.b)]);
  const degree = new Float64Array(count), many = count > 600, pullIn = many ? .5 : .3;
  for (const [i, j] of links) { degree[i]++; degree[j]++; }
  const moves = list.map((n, i) => isFirm[i] ? 0 : settled.has(n) ? .08 : 1), reach = many ? 6 * IDEAL : Infinity;
  for (let round = 0; round < rounds; round++) {
    const dx = new Float64Array(count), dy = new Float64Array(count), most = 1.5 * IDEAL * (1 - round / rounds) + 1;
    pairs(xs, ys, reach, (i, j, x, y) => {
      const push = IDEAL * IDEAL / (x * x + y * y + .01);
      dx[i] += x * push; dy[i] += y * push; dx[j] -= x * push; dy[j] -= y * push;
    }, free);
    for (const [i, j] of links) {
      const x = xs[i] - xs[j], y = ys[i] - ys[j], pull = Math.hypot(x, y) / IDEAL / (many ? Math.sqrt(degree[i] * degree[j]) : 1);
      dx[i] -= x * pull; dy[i] -= y * pull; dx[j] += x * pull; dy[j] += y * pull;
    }
    for (let i = 0; i < count; i++) {
      dx[i] -= pullIn * xs[i]; dy[i] -= pullIn * ys[i];
      const length = Math.hypot(dx[i], dy[i]) || 1, by = Math.min(length, most) / length * moves[i];
      xs[i] += dx[i] * by; ys[i] += dy[i] * by;
    }
  }
  const wide = list.map(n => count <= FEW ? 3.3 * Math.min(n.name.length, 30) + 10 : 15), high = count <= FEW ? 19 : 15;
  for (let round = 0, clash = true; round < 120 && clash; round++) {
    clash = false;
    pairs(xs, ys, count <= FEW ? Infinity : 40, (i, j, x, y) => {
      const ox = wide[i] + wide[j] - Math.abs(x), oy = 2 * high - Math.abs(y);
      if (ox <= 0 || oy <= 0) return;
      clash = true;
      const along = ox < oy ? xs : ys, by = (ox < oy ? ox * (x < 0 ? -1 : 1) : oy * (y < 0 ? -1 : 1)) / 2 + .1;
      if (isFirm[j]) along[i] += 2 * by; else { along[i] += by; along[j] -= by; }
    }, free);
  }
  list.forEach((n, i) => { n.x = xs[i]; n.y = ys[i]; });
}
// Calls `act` for each two points that are within reach, by a grid of cells of that size; where
// some are named, for each two of which the first is one of them.
function pairs(xs, ys, reach, act, named = null) {
  if (named) {
    const those = new Set(named);
    for (const i of named) for (let j = 0; j < xs.length; j++) {
      const x = xs[i] - xs[j], y = ys[i] - ys[j];
      if ((j < i || !those.has(j)) && x * x + y * y < reach * reach) act(i, j, x, y);
    }
    return;
  }
  if (reach === Infinity) {
    for (let i = 0; i < xs.length; i++) for (let j = 0; j < i; j++) act(i, j, xs[i] - xs[j], ys[i] - ys[j]);
    return;
  }
  const cells = new Map(), key = (x, y) => x * 100003 + y;
  for (let i = 0; i < xs.length; i++) {
    const cx = Math.floor(xs[i] / reach), cy = Math.floor(ys[i] / reach);
    for (let a = cx - 1; a <= cx + 1; a++) for (let b = cy - 1; b <= cy + 1; b++)
      for (const j of cells.get(key(a, b)) ?? []) {
        const x = xs[i] - xs[j], y = ys[i] - ys[j];
        if (x * x + y * y < reach * reach) act(i, j, x, y);
      }
    const own = cells.get(key(cx, cy));
    own ? own.push(i) : cells.set(key(cx, cy), [i]);
  }
}
// New nodes start around a neighbour that is placed, each in a direction of its own.
function seed(list, placed) {
  const waiting = new Set(list), order = [...placed];
  const put = (n, x, y, i) => { n.x = x + IDEAL * Math.cos(2.4 * i); n.y = y + IDEAL * Math.sin(2.4 * i); waiting.delete(n); order.push(n); };
  for (let at = 0, i = 0; waiting.size; at++) {
    if (at < order.length) { for (const n of order[at].near) if (waiting.has(n)) put(n, order[at].x, order[at].y, i++); }
    else { const [n] = waiting; put(n, 3 * IDEAL * Math.sqrt(i) * Math.cos(2.4 * i), 3 * IDEAL * Math.sqrt(i) * Math.sin(2.4 * i), i++); }
  }
}
function begin() {
  const list = nodes.filter(n => n.on);
  seed(list, []); arrange(list, list.length > 600 ? 150 : 250);
}

// The figure, of which Python made the empty parts.
await Bokeh.embed.embed_item(read("figure"), box.firstElementChild);
const doc = Bokeh.documents[0], plot = doc.get_model_by_name("plot"), figure = Bokeh.index.find_one(plot);
let goal = {x: 0, y: 0, per: 1};  // the point in the middle of what is looked at, and pixels a unit
const fill = (name, columns) => { doc.get_model_by_name(name).data = columns; };
const scale = () => goal.per;
const size = n => n.centre ? 20 : 13;
const isMatch = n => query && (n.name + " " + n.id + " " + n.synonyms.join(" ")).toLowerCase().includes(query);
let lines = [], points = [];
function dims() {
  if (query) return n => !isMatch(n);
  if (!chosen) return () => false;
  const near = chosen.a ? new Set([chosen.a, chosen.b]) : new Set([chosen, ...chosen.near]);
  return n => !near.has(n);
}
const isLit = e => e === chosen || e.a === chosen || e.b === chosen;
function draw() {
  lines = drawnEdges(); points = drawnNodes(lines);
  const dim = dims(), many = lines.length > MANY;
  for (const e of lines) {
    const x = e.b.x - e.a.x, y = e.b.y - e.a.y, length = Math.hypot(x, y) || 1;
    e.ox = -y / length * 9 * e.shift; e.oy = x / length * 9 * e.shift;
    e.alpha = chosen && !query ? (isLit(e) ? .95 : many ? .05 : .18) : query ? (many ? .05 : .15) : many ? .2 : .65;
  }
  for (const [name, list] of [["edges", lines.filter(e => !e.predicted)], ["predicted", lines.filter(e => e.predicted)]])
    fill(name, {
      x0: list.map(e => e.a.x + e.ox), y0: list.map(e => e.a.y + e.oy), x1: list.map(e => e.b.x + e.ox), y1: list.map(e => e.b.y + e.oy),
      colour: list.map(edgeColour), alpha: list.map(e => e.alpha),
      width: list.map(e => e === chosen ? 4 : many ? 1 : .8 + 1.4 * (e.probability ?? .3)),
    });
  const directed = many ? [] : lines.filter(e => !data.symmetric.includes(e.relation));
  fill("arrows", {
    x: directed.map(e => e.a.x + .64 * (e.b.x - e.a.x) + e.ox), y: directed.map(e => e.a.y + .64 * (e.b.y - e.a.y) + e.oy),
    angle: directed.map(e => Math.atan2(e.b.y - e.a.y, e.b.x - e.a.x) - Math.PI / 2),
    colour: directed.map(edgeColour), alpha: directed.map(e => e.alpha),
  });
  fill("nodes", {
    x: points.map(n => n.x), y: points.map(n => n.y), shape: points.map(n => data.kinds[n.kind].shape), size: points.map(n => points.length > 600 && !n.centre ? 9 : size(n)),
    colour: points.map(n => data.kinds[n.kind].colour), alpha: points.map(n => dim(n) ? .25 : 1),
    // A ring of ink: the node that is selected, or what the view is around; a thin one: it can be expanded.
    line: points.map(n => n === chosen || n.centre || heldBack(n).length ? "#1f2933" : "#ffffff"), width: points.map(n => n === chosen ? 4 : n.centre ? 2.5 : 1),
  });
  label();
  footer();
}
// Labels, the most important first, where they cover none before them.
const CELL = 10;
function cells(x, y, wide) {
  const keys = [];
  for (let a = Math.floor((x - wide) / CELL); a <= (x + wide) / CELL; a++) for (let b = Math.floor((y - 6) / CELL); b <= (y + 6) / CELL; b++) keys.push(a + " " + b);
  return keys;
}
let labelled = 1;  // the scale that labels were chosen at
function label() {
  const per = labelled = scale(), dim = dims(), taken = new Set(), text = [], small = [];
  const rank = n => (n === over || n === chosen ? 1e9 : 0) + (n.centre ? 1e8 : 0) + (isMatch(n) ? 1e7 : 0) + n.near.size;
  for (const n of [...points].sort((p, q) => rank(q) - rank(p))) {
    if (dim(n) && n !== over) continue;
    const name = clipped(n.name), places = [1, -1].map(below => ({below, keys: cells(n.x * per, n.y * per - 17 * below, 3.2 * name.length)}));
    const free = places.filter(place => !place.keys.some(k => taken.has(k)));
    // What the view is around has its name in any case: over the node, where there is no room under it.
    const place = n === over || n === chosen ? places[0] : n.centre ? free[0] || places[0] : free[0] === places[0] ? places[0] : undefined;
    if (!place) continue;
    for (const k of place.keys) taken.add(k);
    text.push({x: n.x, y: n.y, text: name, offset: place.below * (size(n) / 2 + 10), weight: n.centre || n === chosen ? "bold" : "normal"});
  }
  const near = chosen ? lines.filter(isLit) : lines;
  for (const e of near.length <= 25 ? near : near.filter(e => e.predicted).slice(0, 60)) {
    const x = (e.a.x + e.b.x) / 2 + e.ox, y = (e.a.y + e.b.y) / 2 + e.oy;
    if (Math.hypot(e.b.x - e.a.x, e.b.y - e.a.y) * per < 50) continue;
    const words = e.predicted ? `${plain(e.relation)}? ${shown(e.probability)}` : plain(e.relation), keys = cells(x * per, y * per, 2.5 * words.length);
    if (e !== chosen && keys.some(k => taken.has(k))) continue;
    for (const k of keys) taken.add(k);
    small.push({x, y, text: words, offset: 0, weight: "normal"});
  }
  for (const [name, list] of [["labels", text], ["relations", small]])
    fill(name, Object.fromEntries(["x", "y", "text", "offset", "weight"].map(k => [k, list.map(one => one[k])])));
}
// Labels lie in the drawing and move with it. Which of them fit depends on the scale alone, and is
// looked at once the scale has come to rest, so that a frame of a movement costs no more than its drawing.
// Many edges aren't even drawn in a movement: their picture is moved and stretched, and drawn anew at
// rest, or once it leaves much of the room blank, so that a frame costs the same however many there are.
const REST = 150, BLANK = .6;
let rest = 0, asked = goal, painted = goal;  // `painted`: what the picture shows; `asked`: what the next will
function show(x, y, per, moving) {
  goal = {x, y, per};
  clearTimeout(rest);
  if (!moving || lines.length <= MANY || blank() > BLANK) paint();
  else carry(placed());
  rest = setTimeout(() => { if (goal !== asked) paint(); if (Math.abs(per / labelled - 1) > 1e-6) label(); }, REST);
}
// Its two canvases are moved, not the figure, whose size Bokeh measures.
function carry(transform) {
  for (const {canvas} of [figure.canvas_view.primary, figure.canvas_view.overlays]) {
    canvas.style.transformOrigin = "0 0"; canvas.style.transform = transform;
  }
}
function placed() {
  const k = goal.per / painted.per, w = plot.inner_width / 2, h = plot.inner_height / 2;
  return `translate(${w * (1 - k) + (painted.x - goal.x) * goal.per}px, ${h * (1 - k) - (painted.y - goal.y) * goal.per}px) scale(${k})`;
}
// The share of the room that the moved picture leaves blank.
function blank() {
  const k = goal.per / painted.per, covered = (size, by) => Math.max(0, Math.min(size / 2, k * size / 2 + by) - Math.max(-size / 2, by - k * size / 2)) / size;
  return 1 - covered(plot.inner_width, (painted.x - goal.x) * goal.per) * covered(plot.inner_height, (painted.y - goal.y) * goal.per);
}
function paint() {
  const {x, y, per} = asked = goal, w = plot.inner_width / per / 2, h = plot.inner_height / per / 2;
  plot.x_range.setv({start: x - w, end: x + w}); plot.y_range.setv({start: y - h, end: y + h});
}
figure.repainted.connect(() => { painted = asked; carry(goal === painted ? "" : placed()); });
const middle = () => [goal.x, goal.y];
function fit() {
  if (!points.length) return;
  let [l, r, b, t] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const n of points) { l = Math.min(l, n.x); r = Math.max(r, n.x); b = Math.min(b, n.y); t = Math.max(t, n.y); }
  show((l + r) / 2, (b + t) / 2, Math.min(1.4, plot.inner_width / (r - l + 190), plot.inner_height / (t - b + 90)));
}
// By a factor, about a point of the room, the middle where none is given: it stays where it is.
function zoom(by, across = 0, down = 0, moving = false) {
  const per = Math.min(40, Math.max(.005, scale() * by)), [x, y] = middle(), still = 1 / scale() - 1 / per;
  show(x + across * still, y - down * still, per, moving);
}
const move = (x, y) => show(middle()[0] + x / scale(), middle()[1] + y / scale(), scale(), true);

// What is beside the drawing.
const add = (name, text, parent, cls) => { const e = document.createElement(name); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; parent.append(e); return e; };
const press = (text, parent, act, cls) => { const b = add("button", text, parent, cls); b.type = "button"; b.onclick = act; return b; };
const heldBack = n => [...n.near].filter(m => !m.on).sort((p, q) => p.i - q.i);
function footer() {
  const waiting = nodes.filter(n => !n.on).length, filtered = nodes.length - waiting - points.length;
  document.querySelector("footer").textContent = [
    `Drawn: ${points.length} nodes, ${lines.length} edges`, filtered ? `${filtered} nodes hidden by filters` : "",
    waiting ? `${waiting} held back (expand a node: E, or its button)` : "", data.note, data.sources.join(", "),
  ].filter(Boolean).join(" · ");
}
function tell() {
  aside.replaceChildren();
  if (!chosen) {
    add("h2", "Select a node or an edge", aside);
    add("p", "An edge shows the sentences and sources behind it, a node its neighbours. Select a node again, or press E, to draw more of its neighbours; a dark rim says that there are some. Dashed lines are predictions, with their probability: no source states them.", aside);
    add("p", "Keys: / finds, N and P go from node to node, E expands, Esc lets go, arrows move, + and − zoom, 0 fits.", aside, "soft");
  } else if (chosen.a) tellEdge(chosen); else tellNode(chosen);
}
function tellEdge(e) {
  add("h2", `${e.a.name} — ${plain(e.relation)} — ${e.b.name}`, aside);
  const ends = add("div", undefined, aside, "buttons");
  for (const n of new Set([e.a, e.b])) press(clipped(n.name, 24), ends, () => choose(n));
  if (e.predicted) {
    add("p", `Predicted by ${e.sources[0]}: probability ${shown(e.probability)}${e.rank === null ? "" : `, rank ${e.rank}`}. A prediction is no fact.`, aside);
    if (e.known) add("p", "A source holds this pair too.", aside);
    return;
  }
  add("p", `Probability ${shown(e.probability)}; ${e.evidence.length} of ${e.count} pieces of evidence, from ${e.sources.join(", ")}.`, aside, "soft");
  for (const piece of e.evidence) {
    const quote = add("blockquote", undefined, aside, piece.negated ? "no" : "");
    if (piece.negated) add("strong", "negated: ", quote);
    if (!piece.sentence.length) add("span", `no sentence: ${piece.level}`, quote);
    for (const [part, marked] of piece.sentence) add(marked ? "mark" : "span", part, quote);
    add("span", piece.meta, quote, "soft");
  }
}
function tellNode(n) {
  add("h2", n.name, aside); add("p", `${n.kind} · ${n.id}`, aside, "soft");
  if (n.synonyms.length) add("p", "also: " + n.synonyms.join("; "), aside, "soft");
  const waiting = heldBack(n), drawn = [...n.near].filter(m => m.on).length, left = n.neighbours - n.near.size;
  add("p", `${drawn} of ${n.neighbours} neighbours drawn, ${waiting.length} held back${left > 0 ? `, ${left} left out of this page: view ${n.name} itself, or with a higher limit` : ""}.`, aside);
  const buttons = add("div", undefined, aside, "buttons");
  press(waiting.length ? `Draw ${Math.min(STEP, waiting.length)} more` : "No more to draw", buttons, () => expand(n)).disabled = !waiting.length;
  press("Hide what hangs on it alone", buttons, () => fold(n)).disabled = !leaves(n).length;
  const groups = new Map();
  for (const e of n.edges.filter(e => e.a.on && e.b.on && keeps(e))) groups.set(e.key, [...groups.get(e.key) ?? [], e]);
  for (const [key, list] of groups) {
    add("h3", key, aside); const rows = add("ul", undefined, aside);
    for (const e of list.slice(0, 100)) press(`${e.a === n ? "→" : "←"} ${(e.a === n ? e.b : e.a).name} (${shown(e.probability)})`, add("li", undefined, rows), () => choose(e), "row");
    if (list.length > 100) add("p", `and ${list.length - 100} more`, aside, "soft");
  }
}
function choose(thing, look) {
  chosen = thing; query = ""; byId("search").value = ""; byId("hits").hidden = true;
  draw(); tell();
  if (look && thing) show(thing.x, thing.y, Math.max(scale(), .8));
}
function expand(n) {
  const fresh = heldBack(n).slice(0, STEP), before = new Set(nodes.filter(m => m.on));
  if (!fresh.length) return;
  for (const m of fresh) m.on = true;
  seed(fresh, [n, ...before]); arrange(nodes.filter(m => m.on), 80, before);
  choose(n); fit();
}
const leaves = n => [...n.near].filter(m => m.on && !m.centre && [...m.near].every(o => o === n || !o.on));
function fold(n) { for (const m of leaves(n)) m.on = false; choose(n); }

// Legend and filters are one list.
function icon(kind) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), shape = document.createElementNS(svg.namespaceURI, kind.points ? "polygon" : "line");
  svg.setAttribute("viewBox", "-10 -10 20 20"); svg.setAttribute("width", 19); svg.setAttribute("height", 19); svg.setAttribute("aria-hidden", "true");
  if (kind.points) { shape.setAttribute("points", kind.points.map(([x, y]) => `${8 * x},${8 * y}`).join(" ")); shape.setAttribute("fill", kind.colour); }
  else { for (const [k, v] of [["x1", -10], ["x2", 10], ["stroke", kind.colour], ["stroke-width", 3], ["stroke-dasharray", kind.dashed ? "5 3" : ""]]) shape.setAttribute(k, v); }
  svg.append(shape); return svg;
}
function filters(title, set, rows) {
  const group = add("fieldset", undefined, byId("filters")); add("legend", title, group);
  for (const [key, count, picture] of rows) {
    const line = add("label", undefined, group), tick = add("input", undefined, line);
    tick.type = "checkbox"; tick.checked = true; tick.onchange = () => { tick.checked ? set.delete(key) : set.add(key); draw(); };
    line.append(picture ? icon(picture) : ""); if (!picture) add("i", undefined, line);
    add("span", key, line); add("small", String(count), line);
  }
}
const kindRows = tally(nodes.map(n => n.kind)).map(([kind, count]) => [kind, count, {colour: data.kinds[kind].colour, points: SHAPES[data.kinds[kind].shape]}]);
const relationRows = relations.map(([key, count]) => { const e = edges.find(one => one.key === key); return [key, count, {colour: edgeColour(e), dashed: e.predicted}]; });
filters("Kinds", off.kind, kindRows);
filters("Relations", off.relation, relationRows);
filters("Sources and models", off.source, sources);
{
  const group = add("fieldset", undefined, byId("filters")); add("legend", "Probability", group);
  const line = add("p", "at least ", group), told = add("output", "0.00", line), range = add("input", undefined, group);
  line.style.margin = "0"; range.type = "range"; range.min = 0; range.max = 1; range.step = .01; range.value = 0; range.id = "least"; range.setAttribute("aria-label", "Least probability");
  range.oninput = () => { least = Number(range.value); told.textContent = least.toFixed(2); draw(); };
}

// Finding by name: what is held back too.
const search = byId("search"), hits = byId("hits");
search.oninput = () => {
  query = search.value.trim().toLowerCase(); hits.replaceChildren(); hits.hidden = !query;
  const starts = n => n.name.toLowerCase().startsWith(query) ? 0 : 1;
  const list = nodes.filter(isMatch).sort((p, q) => starts(p) - starts(q) || q.near.size - p.near.size);
  for (const n of list.slice(0, 12)) press(`${n.name} (${n.kind}${n.on ? "" : ", held back"})`, add("li", undefined, hits), () => find(n), "row");
  if (query && !list.length) add("li", "Not in this page", hits, "soft");
  draw();
};
search.onkeydown = event => { if (event.key === "Enter") hits.querySelector("button")?.click(); if (event.key === "ArrowDown") hits.querySelector("button")?.focus(); };
function find(n) {
  if (!n.on) {
    const before = new Set(nodes.filter(m => m.on));
    n.on = true; seed([n], [...before]); arrange([...before, n], 40, before);
  }
  choose(n, true); box.focus();
}

// The mouse, or fingers: what is under it.
function fromMiddle(x, y) {
  const rect = box.getBoundingClientRect();
  return [x - rect.left - rect.width / 2, y - rect.top - rect.height / 2];
}
function under(event) {
  const per = scale(), [across, down] = fromMiddle(event.clientX, event.clientY), x = goal.x + across / per, y = goal.y - down / per;
  let best = null, least = 14 / per;
  for (const n of points) { const d = Math.hypot(n.x - x, n.y - y); if (d < least) { best = n; least = d; } }
  if (best) return best;
  least = 6 / per;
  for (const e of lines) {
    const ax = e.a.x + e.ox, ay = e.a.y + e.oy, dx = e.b.x - e.a.x, dy = e.b.y - e.a.y;
    const t = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1))), d = Math.hypot(ax + t * dx - x, ay + t * dy - y);
    if (d < least) { best = e; least = d; }
  }
  return best;
}
let pressed = null;
const fingers = new Map();  // where each that is down lies
const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
box.addEventListener("pointerdown", event => {
  pressed = [event.clientX, event.clientY]; fingers.set(event.pointerId, pressed);
}, true);
box.addEventListener("pointermove", event => {
  const from = fingers.get(event.pointerId), to = [event.clientX, event.clientY];
  if (from && event.buttons) {
    if (!box.hasPointerCapture(event.pointerId)) box.setPointerCapture(event.pointerId);
    const before = fingers.size > 1 ? spread() : 1;
    fingers.set(event.pointerId, to);
    move((from[0] - to[0]) / fingers.size, (to[1] - from[1]) / fingers.size);
    if (fingers.size > 1) zoom(spread() / (before || 1), ...fromMiddle(...to), true);
    return;
  }
  fingers.delete(event.pointerId);
  const thing = under(event), node = thing && !thing.a ? thing : null;
  box.classList.toggle("over", !!thing);
  if (node !== over) { over = node; label(); }
}, true);
for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, event => { fingers.delete(event.pointerId); }, true);
box.addEventListener("wheel", event => {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 20 : 1;  // a browser may count lines of text, and not pixels
  zoom(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * unit)) / 600), ...fromMiddle(event.clientX, event.clientY), true);
}, {capture: true, passive: false});
box.addEventListener("click", event => {
  if (!pressed || Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 4) return;
  const thing = under(event);
  if (thing && thing === chosen && !thing.a) expand(thing); else choose(thing);
}, true);

// Keys, where no field takes them.
const KEYS = {
  "/": () => search.focus(), Escape: () => choose(null), "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), "0": fit,
  e: () => chosen && expand(chosen.a ?? chosen), n: () => step(1), p: () => step(-1),
  ArrowLeft: () => move(-60, 0), ArrowRight: () => move(60, 0), ArrowUp: () => move(0, 60), ArrowDown: () => move(0, -60),
};
function step(by) {
  if (!points.length) return;
  const at = points.indexOf(chosen);
  choose(points[at < 0 ? (by > 0 ? 0 : points.length - 1) : (at + by + points.length) % points.length]);
}
document.addEventListener("keydown", event => {
  const typing = event.target instanceof HTMLInputElement;
  if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape")) return;
  if (event.key.startsWith("Arrow") && event.target !== box) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act) { event.preventDefault(); act(); }
});

// Export: the drawing with its legend below.
async function save(form) {
  const drawing = figure.export(form, true), legend = [...kindRows, ...relationRows];
  const {ctx} = drawing, height = plot.inner_height;
  ctx.save(); ctx.font = "11px sans-serif"; ctx.textBaseline = "middle"; ctx.textAlign = "left";
  legend.forEach(([key, , {colour, points: corners, dashed}], i) => {
    const x = 16, y = height - 14 - 16 * (legend.length - 1 - i);
    ctx.fillStyle = ctx.strokeStyle = colour; ctx.beginPath();
    if (corners) { corners.forEach(([cx, cy], k) => k ? ctx.lineTo(x + 6 * cx, y + 6 * cy) : ctx.moveTo(x + 6 * cx, y + 6 * cy)); ctx.closePath(); ctx.fill(); }
    else { ctx.lineWidth = 2.5; ctx.setLineDash(dashed ? [4, 3] : []); ctx.moveTo(x - 8, y); ctx.lineTo(x + 8, y); ctx.stroke(); }
    ctx.fillStyle = "#1f2933"; ctx.fillText(key, x + 14, y);
  });
  ctx.restore();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await drawing.to_blob());
  link.download = (data.title.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60) || "view") + "." + form; link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
byId("png").onclick = () => save("png"); byId("svg").onclick = () => save("svg");
byId("in").onclick = () => zoom(1.3); byId("out").onclick = () => zoom(1 / 1.3); byId("fit").onclick = fit;
byId("arrange").onclick = () => { arrange(points, 200); draw(); fit(); };
byId("reset").onclick = () => {
  for (const n of nodes) n.on = n.shown;
  for (const set of Object.values(off)) set.clear();
  for (const tick of document.querySelectorAll("#filters input[type=checkbox]")) tick.checked = true;
  byId("least").value = 0; byId("least").oninput(); begin(); choose(null); fit();
};

begin(); draw(); tell();
for (const side of ["inner_width", "inner_height"]) plot.properties[side].change.connect(fit);
fit();
document.body.dataset.ready = "yes"; performance.mark("ready");
})();
