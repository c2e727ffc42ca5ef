// The products' page: logs users in and out, shows the products and who is online, creates products and tells how the
// connection is.
//
// A submitted product is pending until the server has answered for it. Until then it is kept in the browser's storage
// and sent again on each connection of its user. It carries an id made here, which the server creates only once, so that
// sending again is safe.

import { io } from "/client/socket.io.esm.min.js";

const ANSWER_TIMEOUT = 5_000; // milliseconds, as all times here
const RETRY_DELAY = 2_000;

const NO_NAME = "(no name)";

const byId = (id) => document.getElementById(id);
const [form, field, list] = [byId("create"), byId("name"), byId("products")];
const [account, user, password] = [byId("account"), byId("user"), byId("password")];

// The session's token is in a cookie that no script can read. This one proves that it is a page of ours who asks.
const csrfToken = () => document.cookie.match(/(?:^|; )XSRF-TOKEN=([^;]*)/)?.[1] ?? null;

const socket = io({ auth: (show) => show({ csrfToken: csrfToken() }) });
let me = null; // the name of who is logged in
let products = null; // as the server told them last, newest first


// The connection

function showConnection(state, text) {
  byId("connection").dataset.state = state;
  byId("connection").textContent = text;
}

let comings = 0; // since the last welcome

function onWelcome({ data }) {
  comings = 0;
  showConnection("connected", "Connected");
  showUser(data.user);
  showOnline(data.online);
  refresh(); // what was created meanwhile was not told to this page
  deliver();
}

function onConnectionLost() {
  showConnection("reconnecting", "Reconnecting…");
  byId("online").classList.add("old");
  for (const entry of pending.values()) entry.waiting = true;
  render();
}

// The server has ended the session, or refused this page: the client does not come back from that by itself.
async function comeBack(error) {
  const delay = comings < 2 ? 0 : RETRY_DELAY; // the first may come with a cookie that is about to be replaced
  comings += 1;
  if (SESSION_CODES.has(error?.data?.code)) await beginSession().catch(() => {});
  setTimeout(() => socket.connect(), delay);
}

// Comes anew, with the cookies that there are now.
function reconnect() {
  socket.disconnect().connect();
}

socket.on("welcome", onWelcome);
socket.on("disconnect", (reason) => {
  onConnectionLost();
  if (reason === "io server disconnect") comeBack();
});
socket.on("connect_error", (error) => {
  onConnectionLost();
  if (!socket.active) comeBack(error);
});
socket.on("online", ({ data }) => showOnline(data));
socket.on("refresh products", () => refresh());


// The user

const SESSION_CODES = new Set(["invalid_request", "invalid_token", "invalid_csrf_token"]);
const WRONG_LOGIN = "There is no user with this name and password.";

const tabs = new BroadcastChannel("session"); // to the other tabs of this browser: somebody has logged in
tabs.addEventListener("message", reconnect);

function showUser(name) {
  const [was, first] = [me, account.hidden && form.hidden];
  const focused = document.activeElement;
  me = name;
  byId("me").hidden = form.hidden = me === null;
  account.hidden = me !== null;
  byId("me").querySelector(".who").textContent = me ?? "";
  if (was !== null && me === null) {
    const kept = [...pending.values()].some((entry) => entry.user === was);
    say(`You are logged out.${kept ? " What was not sent yet is kept until you log in again." : ""}`);
  } else if (me !== null && me !== was && !first) {
    say(`You are logged in as ${me}.`);
  }
  if (me !== was) showAccountErrors({});
  if (focused?.closest("[hidden]")) (me === null ? user : field).focus();
  render();
}

function showOnline(names) {
  const items = names.map((name) => {
    const item = document.createElement("li");
    item.dir = "auto";
    item.textContent = name === me ? `${name} (you)` : name;
    return item;
  });
  if (items.length === 0) {
    items.push(document.createElement("li"));
    items[0].className = "nobody";
    items[0].textContent = "Nobody is logged in.";
  }
  byId("online").replaceChildren(...items);
  byId("online").classList.remove("old");
}

let asking = false;

account.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (asking) return;
  asking = true;
  showAccountErrors({});
  const data = { name: user.value.trim().replace(/\s+/g, " "), password: password.value };
  try {
    const { status, body } = await post(event.submitter.value, data);
    if (status === 200) {
      account.reset();
      tabs.postMessage("logged in");
      reconnect();
    } else {
      refuseAccount(data, status, body);
    }
  } catch {
    say("The server did not answer. Please try again.");
  }
  asking = false;
});

byId("log-out").addEventListener("click", async () => {
  try {
    await post("/log-out"); // whatever the answer: who has no session is logged out
    reconnect();
  } catch {
    say("The server did not answer. Please try again.");
  }
});

// Asks for something that changes something, with the CSRF token; with a new session if the one from before is over.
async function post(path, data) {
  if (csrfToken() === null) await beginSession();
  for (let tries = 1; ; tries++) {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-XSRF-TOKEN": csrfToken() ?? "" },
      body: data && JSON.stringify(data),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT),
    });
    const isJSON = response.headers.get("Content-Type")?.startsWith("application/json");
    const body = isJSON ? await response.json() : null;
    const hasNoSession = response.status === 403 || SESSION_CODES.has(body?.code);
    if (!hasNoSession || tries === 2) return { status: response.status, body };
    await beginSession();
  }
}

// Sees to cookies that are of use: those of a session that is over are removed, and where there are none, some are set.
function beginSession() {
  return fetch("/session", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_TIMEOUT) });
}

function refuseAccount({ name }, status, body) {
  if (body?.code === "WRONG_LOGIN") showAccountErrors({ password: WRONG_LOGIN });
  else if (body?.code === "NAME_TAKEN") showAccountErrors({ user: `The name ${quoted(name)} is taken.` });
  else if (status === 400 && Array.isArray(body?.body)) {
    const of = (path) => body.body.filter((error) => error.instancePath === path).map(inWords)[0];
    showAccountErrors({ user: of("/name"), password: of("/password") });
  } else say("The server could not do that. Please try again later.");
}

function showAccountErrors(errors) {
  showError(user, errors.user);
  showError(password, errors.password);
  if (errors.user) user.focus();
  else if (errors.password) password.focus();
}

user.addEventListener("input", () => showError(user));
password.addEventListener("input", () => showError(password));


// Pending products: id -> { id, name, user, submitted, mine, waiting, error }, oldest first

const PREFIX = "products.pending.";
const pending = new Map();

function keep(entry) {
  pending.set(entry.id, entry);
  const { id, name, user, submitted } = entry;
  try {
    localStorage.setItem(PREFIX + id, JSON.stringify({ id, name, user, submitted }));
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

function ofMine() {
  return [...pending.values()].filter((entry) => entry.user === me);
}

let delivering = false;

// Sends what the user has pending, one after the other so that the order stays.
async function deliver() {
  if (delivering) return;
  delivering = true;
  const failed = new Set();
  const next = () => ofMine().find((entry) => !entry.error && !failed.has(entry));
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
    if (ack?.error?.statusCode === 401 || SESSION_CODES.has(ack?.error?.code)) reconnect(); // the welcome says who is who
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
  if (keyword === "minLength" && params.limit > 1) return `Please use at least ${params.limit} characters.`;
  if (keyword === "minLength") return `Please enter a ${instancePath.slice(1)}.`;
  if (keyword === "maxLength") return `Please use at most ${params.limit} characters.`;
  if (keyword === "pattern") return "Please use only characters that can be seen.";
  return `${instancePath.slice(1) || "The product"} ${message}.`;
}


// The form for products

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = new FormData(form).get("name").trim();
  showError(field);
  say(socket.connected ? "" : `${quoted(name)} is kept here and sent once the connection is back.`);
  keep({ id: uuid(), name, user: me, submitted: Date.now(), mine: true, waiting: !socket.connected || delivering });
  field.value = "";
  field.focus();
  render();
  deliver();
});

field.addEventListener("input", () => showError(field));

function showError(input, text = "") {
  byId(`${input.id}-error`).textContent = text;
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
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
  showError(field, entry.error);
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
  const visible = ofMine().filter((entry) => (entry.waiting || entry.error) && !created.has(entry.id));
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
