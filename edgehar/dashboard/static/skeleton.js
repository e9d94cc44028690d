// The skeleton of a camera's keypoints, over its picture or without one; joints in MoveNet's order.

import { pixels, sized } from "/strip.js";

const LEAST_SCORE = 0.2;
const BONES = [[0, 1], [0, 2], [1, 3], [2, 4], [5, 6], [5, 7], [7, 9], [6, 8], [8, 10], [5, 11], [6, 12], [11, 12], [11, 13], [13, 15], [12, 14], [14, 16]];
const OVER_PICTURE = "#5dff9b";
const PICTURE_MS = 200;
const PRIVATE_MS = 3000;

export class Skeleton {
  constructor(canvas, wearer) {
    this.canvas = canvas;
    this.url = `/picture/${encodeURIComponent(wearer)}`;
    this.joints = [];
    this.picture = null;
    this.next = 0;
  }

  // Until somebody was seen there are none.
  take({ joints = [] }) {
    this.joints = joints;
  }

  words(name) {
    const seen = this.joints.filter((joint) => joint[2] >= LEAST_SCORE).length;
    const what = seen ? `skeleton, ${seen} of ${this.joints.length} joints seen` : "nobody seen";
    return `${name}: ${what}${this.picture ? ", over the picture" : ""}`;
  }

  // Ask for the newest picture, seldom where there is none to be seen.
  async poll() {
    if (performance.now() < this.next) return;
    this.next = Infinity;
    try {
      const answer = await fetch(this.url, { cache: "no-store" });
      const fresh = answer.status === 200 ? await createImageBitmap(await answer.blob()) : null;
      this.picture?.close();
      this.picture = fresh;
    } catch {
      this.picture = null;
    }
    this.next = performance.now() + (this.picture ? PICTURE_MS : PRIVATE_MS);
  }

  draw() {
    const context = sized(this.canvas);
    if (!context) return;
    const { width, height } = this.canvas;
    const ratio = this.picture ? this.picture.width / this.picture.height : 4 / 3;
    const tall = Math.min(height, width / ratio);
    const left = (width - tall * ratio) / 2;
    const top = (height - tall) / 2;
    context.clearRect(0, 0, width, height);
    if (this.picture) context.drawImage(this.picture, left, top, tall * ratio, tall);
    const at = ([x, y]) => [left + x * tall, top + y * tall];
    this.bones(context, at, this.picture ? OVER_PICTURE : getComputedStyle(this.canvas).getPropertyValue("--z"));
  }

  bones(context, at, colour) {
    const seen = (i) => this.joints[i] && this.joints[i][2] >= LEAST_SCORE;
    // A dark edge keeps the lines visible on any picture.
    for (const [style, width] of [["#0009", 7], [colour, 4]]) {
      context.strokeStyle = style;
      context.lineWidth = width * pixels();
      context.lineCap = "round";
      for (const [a, b] of BONES) {
        if (!seen(a) || !seen(b)) continue;
        context.beginPath();
        context.moveTo(...at(this.joints[a]));
        context.lineTo(...at(this.joints[b]));
        context.stroke();
      }
    }
    context.fillStyle = "#fff";
    this.joints.forEach((joint, i) => {
      if (!seen(i)) return;
      context.beginPath();
      context.arc(...at(joint), 3 * pixels(), 0, 7);
      context.fill();
    });
  }
}
