// One wearer's part of the page.

import { Skeleton } from "/skeleton.js";
import { Strip } from "/strip.js";
import { clock, lasted, plain } from "/words.js";

const AHEAD_S = 3;
const LETTER = 7.6; // pixels of a letter on the timeline, and more

// What is out of sight is not drawn: there may be hundreds.
const watching = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => (target.inSight = isIntersecting)));

export class Wearer {
  constructor(id, colours, hello, ask, notice) {
    this.id = id;
    this.colours = colours;
    this.hello = hello;
    this.root = document.getElementById("wearer").content.firstElementChild.cloneNode(true);
    this.sensors = [];
    this.notice = notice;
    this.counting = 0;
    this.name(id);
    this.listen(ask);
  }

  $(selector) {
    return this.root.querySelector(selector);
  }

  set(selector, text) {
    const element = this.$(selector);
    if (element.textContent !== text) element.textContent = text;
  }

  name(id) {
    const heading = this.$(".label");
    heading.id = `label-${id}`;
    this.root.setAttribute("aria-label", id);
    this.set(".who", id);
    this.$(".actions").setAttribute("aria-label", `What to do with ${id}`);
    this.$("datalist").id = `labels-${id}`;
    for (const input of this.root.querySelectorAll("input")) input.setAttribute("list", `labels-${id}`);
    this.$(".obstacle").id = `obstacle-${id}`;
  }

  listen(ask) {
    const wearer = this.id;
    this.$(".pause").addEventListener("click", () => {
      const verb = this.state.paused ? "resume" : "pause";
      ask({ verb, wearer }, `${wearer} ${verb === "pause" ? "is paused" : "goes on"}`);
    });
    this.$(".mark").addEventListener("click", () => ask({ verb: "mark", wearer }, "This moment is marked"));
    this.$(".stop").addEventListener("click", () => ask({ verb: "stop", wearer }, "The recording has ended"));
    this.$(".record").addEventListener("submit", (event) => {
      event.preventDefault();
      const label = nameIn(this.$(".record input"));
      const seconds = Number(this.$(".record select").value) || undefined;
      this.countDown(label, () => ask({ verb: "record", wearer, label, seconds }, `Recording ${plain(label)}`));
    });
    this.$(".wrong form").addEventListener("submit", (event) => {
      event.preventDefault();
      const label = nameIn(this.$(".wrong input"));
      const which = this.wrong ? { event: this.wrong.id } : {};
      ask({ verb: "correct", wearer, label, ...which }, `Noted: it was ${plain(label)}`);
      this.$(".wrong").open = false;
    });
    this.$(".wrong").addEventListener("toggle", () => {
      if (!this.$(".wrong").open) this.wrong = null;
      this.nameWrong();
    });
  }

  // Ask what it was instead of an event of the log.
  correct(event) {
    this.wrong = event;
    this.$(".wrong").open = true;
    this.nameWrong();
    this.$(".wrong input").focus();
  }

  nameWrong() {
    const told = this.wrong ? `${plain(this.wrong.label)} at ${clock(Date.parse(this.wrong.started_at) / 1000)}` : this.label;
    this.set(".which", `Not ${told}, but`);
  }

  // Begin at once, or after a countdown that the same button breaks off; it is read out once, and then only seen.
  countDown(label, begin) {
    if (this.counting) return this.endCountdown("The countdown was broken off");
    if (!this.$(".ahead input").checked) return begin();
    this.notice(`${plain(label)} begins in ${AHEAD_S} s`);
    this.set(".start", "Cancel");
    this.$(".record button").formNoValidate = true;
    let left = AHEAD_S;
    const count = () => {
      this.set(".left", ` ${left}`);
      if (left-- > 0) return;
      this.endCountdown();
      begin();
    };
    this.counting = setInterval(count, 1000);
    count();
  }

  endCountdown(notice) {
    clearInterval(this.counting);
    this.counting = 0;
    this.set(".start", "Start recording");
    this.set(".left", "");
    this.$(".record button").formNoValidate = false;
    if (notice) this.notice(notice);
  }

  take(state, now) {
    if (this.state?.recording && !state.recording) this.notice("The recording has ended");
    this.state = state;
    this.takeNow(state);
    this.takeTimeline(state, now - state.behind_s);
    this.takeButtons(state);
    this.nameWrong();
    this.takeSensors(state);
    this.tick(now);
  }

  get label() {
    return this.state.activity ? plain(this.state.activity.state) : "listening";
  }

  takeNow({ activity, paused }) {
    const state = activity?.state ?? "no_signal";
    this.colours.paint(this.$(".now"), state);
    this.set(".label", this.label);
    const kinds = this.hello.kinds[state] ?? [];
    const likely = activity?.likeliest ? `probably ${plain(activity.likeliest[0])}, ${percent(activity.likeliest[1])}` : "";
    this.set(".kind", paused ? "paused" : likely || kinds.map(plain).join(" · "));
    const sure = activity && activity.confidence > 0;
    this.$(".sure").hidden = !sure;
    if (sure) {
      this.set(".percent", `${percent(activity.confidence)} sure`);
      this.$(".fill").style.transform = `scaleX(${activity.confidence})`;
    }
    this.set(".reason", activity?.reason ?? "The first answer takes a few seconds.");
    // Where a remark is all that there is to say, the reason says it.
    const remarks = (activity?.remarks ?? []).map(sentence).filter((remark) => remark !== activity.reason);
    this.set(".remarks", remarks.join(" "));
    this.$(".remarks").hidden = !remarks.length;
  }

  takeTimeline({ timeline }, now) {
    const from = now - this.hello.timeline_s;
    const spans = timeline.map(([start, state], i) => ({ state, start: Math.max(start, from), end: timeline[i + 1]?.[0] ?? now }));
    const room = this.$(".timeline").clientWidth;
    const shares = new Map();
    const bars = spans.map(({ state, start, end }) => {
      shares.set(state, (shares.get(state) ?? 0) + end - start);
      const width = (end - start) / this.hello.timeline_s;
      const bar = document.createElement("span");
      this.colours.paint(bar, state);
      bar.style.left = `${(100 * (start - from)) / this.hello.timeline_s}%`;
      bar.style.width = `${100 * width}%`;
      bar.title = `${plain(state)}, ${clock(start)} to ${clock(end)}`;
      if (width * room > LETTER * state.length) bar.textContent = plain(state);
      return bar;
    });
    this.$(".timeline").replaceChildren(...bars);
    const sorted = [...shares].sort((a, b) => b[1] - a[1]);
    const inWords = sorted.map(([state, seconds]) => `${plain(state)} ${lasted(seconds)}`).join(", ");
    this.$(".timeline").setAttribute("aria-label", `What ${this.id} did in the last ten minutes: ${inWords || "nothing is known yet"}`);
    this.takeShares(sorted.slice(0, 6));
  }

  takeShares(shares) {
    const list = this.$(".shares");
    while (list.children.length > shares.length) list.lastChild.remove();
    shares.forEach(([state, seconds], i) => {
      const item = list.children[i] ?? list.appendChild(dotted());
      this.colours.paint(item.firstChild, state);
      item.lastChild.textContent = `${plain(state)} ${lasted(seconds)}`;
    });
  }

  takeButtons({ paused, can_pause, obstacle, recording, labels }) {
    this.set(".pause", paused ? "Go on" : "Pause");
    this.$(".pause").disabled = !can_pause;
    this.set(".obstacle", obstacle ? `Marks and recordings are off: ${obstacle}.` : "");
    this.$(".obstacle").hidden = !obstacle;
    this.$(".hint").hidden = Boolean(obstacle);
    for (const control of this.root.querySelectorAll(".mark, .record input, .record select, .record button")) {
      control.disabled = Boolean(obstacle);
      if (obstacle) control.setAttribute("aria-describedby", this.$(".obstacle").id);
      else control.removeAttribute("aria-describedby");
    }
    this.swap(this.$(".record"), this.$(".running"), Boolean(recording));
    const list = this.$("datalist");
    if (list.children.length !== labels.length) {
      list.replaceChildren(...labels.map((label) => Object.assign(document.createElement("option"), { value: label })));
    }
  }

  // Show one of two parts; the keyboard's focus goes along.
  swap(idle, running, isRunning) {
    const [from, to] = isRunning ? [idle, running] : [running, idle];
    const hadFocus = from.contains(document.activeElement);
    from.hidden = true;
    to.hidden = false;
    if (hadFocus) to.querySelector("input, button").focus();
  }

  takeSensors({ sensors }) {
    const names = sensors.map((sensor) => sensor.placement).join();
    if (names !== this.names) {
      this.names = names;
      this.sensors = sensors.map((sensor) => new Sensor(sensor, this.id, this.hello));
      this.$(".sensors").replaceChildren(...this.sensors.map((sensor) => sensor.root));
    }
    sensors.forEach((sensor, i) => this.sensors[i].take(sensor));
  }

  takeStrips(strips) {
    strips.forEach((strip, i) => this.sensors[i]?.takeStrip(strip));
  }

  tick(now) {
    const { activity, recording } = this.state;
    const its = now - this.state.behind_s;
    this.set(".since", activity ? `for ${lasted(its - activity.since)}, since ${clock(activity.since)}` : "");
    if (!recording) return;
    const of = recording.seconds ? ` of ${lasted(recording.seconds)}` : "";
    this.set(".what", `Recording ${plain(recording.label)} for ${lasted(now - recording.since)}${of}`);
  }

  draw(still) {
    for (const sensor of this.sensors) sensor.draw(still);
  }
}

class Sensor {
  constructor({ placement, is_camera }, wearer, hello) {
    this.root = document.getElementById("sensor").content.firstElementChild.cloneNode(true);
    this.name = plain(placement);
    this.$("h3").textContent = this.name;
    this.root.dataset.camera = is_camera ? "yes" : "no";
    const canvas = this.$("canvas");
    this.chart = is_camera ? new Skeleton(canvas, wearer) : new Strip(canvas, this.$(".scale"), hello.strip_hz);
    watching.observe(canvas);
  }

  $(selector) {
    return this.root.querySelector(selector);
  }

  take(figures) {
    this.figures = figures;
    this.root.dataset.good = figures.problem ? "no" : "yes";
    this.$(".words").textContent = figures.problem ?? (figures.is_camera ? "watching" : "worn");
    const total = figures.packets + figures.lost;
    this.$(".rate").textContent = figures.rate_hz === null ? "–" : `${figures.rate_hz} /s`;
    this.$(".lost").textContent = total ? `${((100 * figures.lost) / total).toFixed(1)} %` : "–";
    this.$(".battery").textContent = figures.battery === null ? "–" : `${figures.battery} %`;
    this.$(".clock").textContent = figures.skew_ppm === null ? "–" : `${figures.skew_ppm.toFixed(0)} ppm`;
    this.$(".age").textContent = figures.age_s === null ? "–" : `${figures.age_s.toFixed(2)} s`;
    this.$("canvas").setAttribute("aria-label", this.chart.words(this.name));
  }

  takeStrip(strip) {
    this.chart.take(strip);
  }

  draw(still) {
    if (!this.$("canvas").inSight) return;
    if (this.figures.has_picture) this.chart.poll();
    this.chart.draw(still);
  }
}

function dotted() {
  const item = document.createElement("li");
  const dot = document.createElement("span");
  dot.className = "dot";
  dot.setAttribute("aria-hidden", "true");
  item.append(dot, document.createElement("span"));
  return item;
}

const nameIn = (input) => input.value.trim().replaceAll(" ", "_");

const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}.`;

const percent = (share) => `${Math.round(100 * share)} %`;
