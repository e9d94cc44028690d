// Figures and states in words.

export const plain = (name) => name.replaceAll("_", " ");

export const clock = (unix) => new Date(unix * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export function lasted(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  const hours = Math.floor(s / 3600);
  return hours < 48 ? `${hours} h ${Math.floor((s % 3600) / 60)} min` : `${Math.floor(hours / 24)} days`;
}

export class Colours {
  constructor(hues) {
    this.hues = hues;
  }

  // Give an element the colour of a state.
  paint(element, state) {
    const nothing = state === "no_signal" || state === "not_worn";
    element.classList.toggle("none", nothing);
    element.style.setProperty("--colour", nothing || state === "other" ? "0.08" : "1");
    element.style.setProperty("--hue", String(this.hues[state] ?? 250));
  }
}

export function eventText(event) {
  if (event.note) return event.note;
  const label = plain(event.label);
  if (event.event_type === "activity_started") return `${label} began, after ${plain(event.previous)}`;
  if (!event.duration_s) return `${label} was corrected`;
  const up = event.recovered === undefined ? "" : event.recovered ? ", up again" : ", not seen to get up";
  return `${label} ended after ${lasted(event.duration_s)}${up}`;
}
