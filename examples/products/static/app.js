// The products' page: shows the list, creates products and tells how the connection is.
//
// A submitted product is pending until the server has answered for it. Until then it is kept in the browser's storage
// and sent again on each connection. It carries an id made here, which the server creates only once, so that sending
// again is safe.

import { io } from "/client/socket.io.esm.min.js";

const ANSWER_TIMEOUT = 5_000; // milliseconds, as all times here
const RETRY_DELAY = 2_000;

const NO_NAME = "(no name)";

const byId = (id) => document.getElementById(id);
const [form, field, list] = [byId("create"), byId("name"), byId("products")];

const socket = io();
let products = null; // as the server told them last, newest first


// The connection

function showConnection(state, text) {
  byId("connection").dataset.state = state;
  byId("connection").textContent = text;
}

function onConnected() {
  showConnection("connected", "Connected");
  refresh(); // what was created meanwhile was not told to this page
  deliver();
}

function onConnectionLost() {
  showConnection("reconnecting", "Reconnecting…");
  for (const entry of pending.values()) entry.waiting = true;
  render();
  if (!socket.active) setTimeout(() => socket.connect(), RETRY_DELAY); // refused: the client gives up by itself
}

socket.on("connect", onConnected);
socket.on("disconnect", onConnectionLost);
socket.on("connect_error", onConnectionLost);
socket.on("refresh products", () => refresh());


// Pending products: id -> { id, name, submitted, mine, waiting, error }, oldest first

const PREFIX = "products.pending.";
const pending = new Map();

function keep(entry) {
  pending.set(entry.id, entry);
  const { id, name, submitted } = entry;
  try {
    localStorage.setItem(PREFIX + id, JSON.stringify({ id, name, submitted }));
  } catch {
    // No storage, or it is full: the product is kept as long as the page is open.
  }
}

function settle(entry) {
  pending.delete(entry.id);
  try {
    localStorage.removeItem(PREFIX + entry.id);
  } catch {
    // As above.
  }
}

function restore() {
  try {
    const kept = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    const entries = kept.map((key) => JSON.parse(localStorage.getItem(key)));
    entries.sort((a, b) => a.submitted - b.submitted);
    for (const entry of entries) pending.set(entry.id, entry);
  } catch {
    // As above.
  }
}

// Another window of this browser has kept or settled one. This one takes part, as that one may be closed too early.
addEventListener("storage", ({ key, newValue }) => {
  if (!key?.startsWith(PREFIX)) return;
  if (newValue === null) pending.delete(key.slice(PREFIX.length));
  else pending.set(key.slice(PREFIX.length), { ...JSON.parse(newValue), waiting: !socket.connected });
  render();
});

let delivering = false;

// Sends what is pending, one after the other so that the order stays.
async function deliver() {
  if (delivering) return;
  delivering = true;
  const failed = new Set();
  const next = () => [...pending.values()].find((entry) => !entry.error && !failed.has(entry));
  for (let entry = next(); entry && socket.connected; entry = next()) {
    if (!(await send(entry))) failed.add(entry);
  }
  delivering = false;
  if (failed.size > 0) setTimeout(deliver, RETRY_DELAY);
}

// Whether the server has decided about it.
async function send(entry) {
  const { id, name } = entry;
  let ack = null;
  try {
    ack = await socket.timeout(ANSWER_TIMEOUT).emitWithAck("create product", { id, name });
  } catch {
    // No answer in time, or the connection is lost. Whether it was created, nobody here knows.
  }
  if (ack?.status === "ok") {
    say(`${quoted(name)} was created.`);
    await refresh(); // first shown as created, then no longer as pending
    settle(entry);
  } else if (ack?.error?.code === "VALIDATION_PAYLOAD_ERROR") {
    refuse(entry, ack.error.payload.map(inWords).join(" "));
  } else {
    entry.waiting = true;
  }
  render();
  return ack?.status === "ok" || Boolean(entry.error);
}

function refuse(entry, error) {
  entry.error = error;
  if (!entry.mine) return; // the window where it was typed takes it back
  if (field.value !== "") {
    say("The server refused a product; see the list.");
    return;
  }
  takeBack(entry);
  if ([document.body, ...form.elements].includes(document.activeElement)) field.focus(); // else the user is elsewhere
}

function inWords({ instancePath, keyword, params, message }) {
  if (instancePath === "/name" && keyword === "minLength") return "Please enter a name.";
  if (instancePath === "/name" && keyword === "maxLength") return `Please use at most ${params.limit} characters.`;
  return `${instancePath.slice(1) || "The product"} ${message}.`;
}


// The form

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = new FormData(form).get("name").trim();
  showError("");
  say(socket.connected ? "" : `${quoted(name)} is kept here and sent once the connection is back.`);
  keep({ id: uuid(), name, submitted: Date.now(), mine: true, waiting: !socket.connected || delivering });
  field.value = "";
  field.focus();
  render();
  deliver();
});

field.addEventListener("input", () => showError(""));

function showError(text) {
  byId("name-error").textContent = text;
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

function say(text) {
  byId("result").textContent = text;
}

function quoted(name) {
  return name ? `“${name}”` : NO_NAME;
}

// Puts a refused product back into the form, which must be empty.
function takeBack(entry) {
  settle(entry);
  field.value = entry.name;
  say("");
  showError(entry.error);
}

function edit(entry) {
  if (field.value === "") takeBack(entry);
  else say("Create or clear the name in the field first.");
  render();
  field.focus();
}

function discard(entry) {
  settle(entry);
  render();
  field.focus();
}

// crypto.randomUUID() exists only where the page came by https or from this machine.
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"));
  return hex.join("").replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}


// The list

let reading = null;
let outdated = false;

// Reads the list anew. Calls that come while it is being read make one more reading, not many.
function refresh() {
  outdated = true;
  reading ??= readWhileOutdated();
  return reading;
}

async function readWhileOutdated() {
  while (outdated) {
    outdated = false;
    try {
      const response = await fetch("/products", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_TIMEOUT) });
      if (!response.ok) throw new Error(response.statusText);
      products = await response.json();
      render();
    } catch {
      if (socket.connected) setTimeout(refresh, RETRY_DELAY); // and without a connection, when it is back
    }
  }
  reading = null;
}

const items = new Map(); // id -> the element that shows it

function render() {
  const created = new Set(products?.map((product) => product.id));
  const visible = [...pending.values()].filter((entry) => (entry.waiting || entry.error) && !created.has(entry.id));
  const entries = [...visible.reverse(), ...(products ?? [])];
  const shown = new Set(entries.map((entry) => entry.id));
  for (const [id, item] of items) {
    if (shown.has(id)) continue;
    item.remove();
    items.delete(id);
  }
  let position = list.firstElementChild; // elements stay where they are, for the sake of focus and animations
  for (const entry of entries) {
    const item = items.get(entry.id) ?? newItem(entry.id);
    if (item === position) position = position.nextElementSibling;
    else list.insertBefore(item, position);
    fill(item, entry);
  }
  byId("count").textContent = products?.length || "";
  byId("empty").hidden = products === null || entries.length > 0;
  list.hidden = entries.length === 0;
}

function newItem(id) {
  const item = byId("product").content.firstElementChild.cloneNode(true);
  item.querySelector(".edit").addEventListener("click", () => edit(pending.get(id)));
  item.querySelector(".discard").addEventListener("click", () => discard(pending.get(id)));
  items.set(id, item);
  return item;
}

function fill(item, { name, waiting, error }) {
  item.dataset.state = error ? "refused" : waiting ? "waiting" : "created";
  item.querySelector(".name").textContent = name || NO_NAME;
  item.querySelector(".note").textContent = error ?? (waiting ? "waiting to be sent" : "");
  item.querySelector(".actions").hidden = !error;
  item.querySelector(".edit").setAttribute("aria-label", `Edit ${quoted(name)}`);
  item.querySelector(".discard").setAttribute("aria-label", `Discard ${quoted(name)}`);
}

restore();
