// The strip chart of one sensor: three lines of acceleration that move on between two messages.

const NONE = -32768;
const UNIT = 0.01; // m/s²
const SHOWN_S = 10;
const MOST_AHEAD_S = 0.45; // what a message holds beyond what is shown
const SCALES = [12, 16, 24, 40, 80, 160, 320];

export class Strip {
  constructor(canvas, scaleText, hz) {
    this.canvas = canvas;
    this.scaleText = scaleText;
    this.hz = hz;
    this.lines = null;
    this.came = 0;
    this.scale = SCALES[0];
  }

  take({ lines }) {
    const bytes = Uint8Array.from(atob(lines), (letter) => letter.charCodeAt(0));
    const all = new Int16Array(bytes.buffer);
    const points = all.length / 3;
    this.lines = [0, 1, 2].map((axis) => all.subarray(axis * points, (axis + 1) * points));
    this.came = performance.now();
    this.measure(all);
  }

  measure(all) {
    let low = Infinity;
    let high = -Infinity;
    for (const count of all) {
      if (count === NONE) continue;
      low = Math.min(low, count);
      high = Math.max(high, count);
    }
    this.range = high < low ? null : [low * UNIT, high * UNIT];
    const needed = this.range ? Math.max(-this.range[0], this.range[1]) : 0;
    const fitting = SCALES.find((scale) => scale >= needed * 1.08) ?? SCALES.at(-1);
    // Grows at once, and shrinks only where it is worth a jump.
    this.scale = fitting > this.scale || fitting < this.scale / 1.6 ? fitting : this.scale;
    this.scaleText.textContent = `${SHOWN_S} s, ± ${this.scale} m/s²`;
  }

  words(name) {
    if (!this.range) return `${name}: no acceleration came in the last ten seconds`;
    const [low, high] = this.range.map((value) => value.toFixed(1));
    return `${name}: acceleration of the last ten seconds, between ${low} and ${high} m/s²`;
  }

  draw(still) {
    const context = sized(this.canvas);
    if (!context || !this.lines) return;
    const { width, height } = this.canvas;
    const style = getComputedStyle(this.canvas);
    const ahead = still ? 0 : Math.min((performance.now() - this.came) / 1000, MOST_AHEAD_S);
    const y = (value) => height / 2 - (value / this.scale) * (height / 2);
    context.clearRect(0, 0, width, height);
    this.grid(context, width, y, style.getPropertyValue("--line"));
    context.lineWidth = 1.6 * pixels();
    context.lineJoin = "round";
    ["--x", "--y", "--z"].forEach((colour, axis) => {
      context.strokeStyle = style.getPropertyValue(colour);
      this.line(context, this.lines[axis], width, y, ahead);
    });
  }

  grid(context, width, y, colour) {
    context.strokeStyle = colour;
    context.lineWidth = pixels();
    for (const value of [-9.81, 0, 9.81]) {
      context.setLineDash(value ? [3 * pixels(), 4 * pixels()] : []);
      context.beginPath();
      context.moveTo(0, y(value));
      context.lineTo(width, y(value));
      context.stroke();
    }
    context.setLineDash([]);
  }

  line(context, counts, width, y, ahead) {
    const step = width / (SHOWN_S * this.hz);
    const first = counts.length - SHOWN_S * this.hz;
    let down = false;
    context.beginPath();
    for (let i = 0; i < counts.length; i++) {
      // The newest half second waits beyond the right edge until its time comes.
      const x = (i - first + (MOST_AHEAD_S - ahead) * this.hz) * step;
      if (x < -step || x > width + step) continue;
      if (counts[i] === NONE) down = false;
      else if (down) context.lineTo(x, y(counts[i] * UNIT));
      else {
        context.moveTo(x, y(counts[i] * UNIT));
        down = true;
      }
    }
    context.stroke();
  }
}

export const pixels = () => Math.min(window.devicePixelRatio || 1, 2);

// Return the context of a canvas that has as many pixels as the screen gives it; null while it is not laid out.
export function sized(canvas) {
  const width = Math.round(canvas.clientWidth * pixels());
  const height = Math.round(canvas.clientHeight * pixels());
  if (!width || !height) return null;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return canvas.getContext("2d");
}
