// The page: one WebSocket in, buttons out. Whatever comes is the newest of its kind and stands for itself.

import { Wearer } from "/wearer.js";
import { Colours, clock, eventText, lasted } from "/words.js";

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 5000;
const HIDDEN_MS = 60_000; // a page that nobody sees for so long asks the gateway for nothing
const NOTICE_MS = 5000;
const FRAME_MS = 50;
const MOST_SPOKEN = 3; // wearers whose states are read out at once

const $ = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let socket = null;
let hello = null;
let colours = null;
let wearers = new Map();
let behind = 0; // s, this clock behind the gateway's
let wait = FIRST_WAIT_MS;
let retrying = 0;
let hiding = 0;

// The token has done its work once the page is here, and stays in no history.
if (location.search) history.replaceState(null, "", location.pathname);

function connect() {
  clearTimeout(retrying);
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.onmessage = ({ data }) => take(JSON.parse(data));
  socket.onclose = lose;
}

function lose() {
  socket = null;
  document.body.classList.add("lost");
  link("lost", "no word from the gateway, trying again");
  if (document.hidden) return;
  retrying = setTimeout(connect, wait * (0.7 + 0.6 * Math.random()));
  wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  fetch("/icon.svg").then((answer) => {
    if (answer.status === 401) link("lost", "the gateway wants its token: open this page by /?token=TOKEN");
  }, () => {});
}

function link(state, text) {
  $("link").dataset.state = state;
  if ($("link-text").textContent !== text) $("link-text").textContent = text;
}

function take(message) {
  if (message.type === "hello") takeHello(message);
  if (message.type === "state") takeState(message);
  if (message.type === "strips") {
    for (const [id, strips] of Object.entries(message.wearers)) wearers.get(id)?.takeStrips(strips);
    fresh = true;
  }
}

function takeHello(message) {
  if (hello && hello.version !== message.version) location.reload();
  wait = FIRST_WAIT_MS;
  // After a lost link all stays where it is, and so does the keyboard's focus.
  if (JSON.stringify(hello) === JSON.stringify(message)) return;
  hello = message;
  colours = new Colours(hello.hues);
  wearers = new Map();
  $("gateway").textContent = hello.gateway;
  $("model").textContent = hello.model;
  $("model").title = hello.runtime;
  document.title = `edgehar ${hello.gateway}`;
}

function takeState(state) {
  const before = new Map([...wearers].map(([id, wearer]) => [id, wearer.label]));
  behind = state.now - Date.now() / 1000;
  document.body.classList.remove("lost");
  link("live", "live");
  takeWearers(state);
  takeGateway(state);
  takeEvents(state);
  const changed = [...wearers].filter(([id, wearer]) => before.get(id) !== wearer.label).map(([id, wearer]) => `${id}: ${wearer.label}`);
  if (changed.length) speak(changed.length > MOST_SPOKEN ? `${changed.length} wearers do something else` : changed.join(", "));
}

function takeWearers(state) {
  const ids = state.wearers.map((wearer) => wearer.id);
  if (ids.join() !== [...wearers.keys()].join()) {
    wearers = new Map(ids.map((id) => [id, wearers.get(id) ?? new Wearer(id, colours, hello, ask, notice)]));
    const focused = document.activeElement;
    $("main").replaceChildren(...[...wearers.values()].map((wearer) => wearer.root));
    focused?.focus({ preventScroll: true }); // what is moved loses it
  }
  for (const each of state.wearers) wearers.get(each.id).take(each, state.now);
}

function takeGateway({ broker, uptime_s, rss_mb }) {
  const waiting = broker.waiting ? `, ${broker.waiting} events wait` : "";
  const words = { up: "connected", away: "away", "no broker": "none" };
  $("broker").textContent = broker.address ? `${broker.address} · ${words[broker.state] ?? broker.state}${waiting}` : "none";
  $("uptime").textContent = lasted(uptime_s);
  $("memory").textContent = `${Math.round(rss_mb)} MB`;
}

function takeEvents({ events, wearers: all }) {
  const newest = JSON.stringify(events.at(-1) ?? null);
  if ($("log").dataset.newest === newest) return;
  $("log").dataset.newest = newest;
  const focused = document.activeElement?.dataset.event;
  $("log").replaceChildren(...events.toReversed().map((event) => eventLine(event, all.length > 1)));
  if (focused) $("log").querySelector(`[data-event="${CSS.escape(focused)}"]`)?.focus();
}

function eventLine(event, named) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const text = document.createElement("span");
  time.dateTime = event.time ?? event.detected_at;
  time.textContent = clock(Date.parse(time.dateTime) / 1000);
  text.textContent = (named ? `${event.wearer}: ` : "") + eventText(event);
  item.append(time, text);
  if (event.event_type && wearers.get(event.wearer)?.state.can_pause) item.append(wrongButton(event));
  return item;
}

function wrongButton(event) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Wrong?";
  button.dataset.event = `${event.id} ${event.event_type}`;
  button.setAttribute("aria-label", `Wrong? ${event.wearer}: ${eventText(event)}`);
  button.addEventListener("click", () => wearers.get(event.wearer)?.correct(event));
  return button;
}

function speak(text) {
  $("spoken").textContent = text;
}

async function ask(request, done) {
  try {
    const answer = await fetch("/do", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request) });
    const refusal = answer.ok ? null : await answer.json().catch(() => null);
    notice(answer.ok ? done : refusal?.error ?? "The gateway refused; load this page again.");
  } catch {
    notice("The gateway did not answer.");
  }
}

let noticed = 0;
function notice(text) {
  $("notice").textContent = text;
  clearTimeout(noticed);
  noticed = setTimeout(() => ($("notice").textContent = ""), NOTICE_MS);
}

// Strips glide where that is wanted, and else move on with each message.
let drawn = 0;
let fresh = false;
function draw(at) {
  requestAnimationFrame(draw);
  if (calm.matches ? !fresh : at - drawn < FRAME_MS - 4) return;
  drawn = at;
  fresh = false;
  for (const wearer of wearers.values()) wearer.draw(calm.matches);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(() => socket?.close(), HIDDEN_MS);
  else if (!socket) connect();
});
setInterval(() => {
  for (const wearer of wearers.values()) wearer.tick(Date.now() / 1000 + behind);
}, 1000);

connect();
requestAnimationFrame(draw);
