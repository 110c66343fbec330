// Drawing of the lanes: plain functions from values to a canvas, at the pixels that are really there.

import { colour } from "./dom.js";

const FADE_SECONDS = 1; // over which a short track starts again, as in the saved video
const PEAKS_A_SECOND = 50;
export const BAR_PX = 3; // of a waveform, with the gap after it

/** A canvas's drawing context, sized to what is shown; { draw, width, height } in CSS pixels. */
export function sized(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const scale = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const draw = canvas.getContext("2d");
  draw.setTransform(scale, 0, 0, scale, 0, 0);
  draw.clearRect(0, 0, width, height);
  return { draw, width, height };
}

/** Seconds of the clip at which a track that begins at `start` starts again. */
export function joins(start, trackDuration, clipDuration) {
  const found = [];
  let end = 0;
  for (let skip = Math.min(start, trackDuration); found.length < 200; skip = 0) {
    const length = trackDuration - skip;
    end += length - Math.min(FADE_SECONDS, length / 4);
    if (end >= clipDuration || length <= 0.1) return found;
    found.push(end);
  }
  return found;
}

/** Second of the track that sounds at a clip's second. */
export function trackSecond(at, start, joined) {
  const last = joined.filter((join) => join <= at).at(-1);
  return last === undefined ? start + at : at - last;
}

/** The loudest peak (0-1) between two seconds of the track. */
export function peakBetween(peaks, from, to) {
  let most = 0;
  const low = Math.max(0, Math.floor(from * PEAKS_A_SECOND));
  const high = Math.min(peaks.length, Math.max(low + 1, Math.ceil(to * PEAKS_A_SECOND)));
  for (let k = low; k < high; k += 1) if (peaks[k] > most) most = peaks[k];
  return most / 255;
}

/** Bars of a waveform; `second(x)`: of the track at a pixel, `paint(x)`: the colour there. */
export function drawWave(canvas, peaks, second, paint) {
  const { draw, width, height } = sized(canvas);
  for (let x = 0; x < width; x += BAR_PX) {
    const loud = peakBetween(peaks, second(x), second(x + BAR_PX));
    const tall = Math.max(1, loud * (height - 6));
    draw.fillStyle = paint(x);
    draw.fillRect(x, (height - tall) / 2, 2, tall);
  }
}

/** The fit over the clip on the scale 0-1, its ground, and the line of what is good enough. */
export function drawFit(canvas, moments, goodEnough, { share = 1, isSmall = false } = {}) {
  const { draw, width, height } = sized(canvas);
  const span = width * share;
  const [top, usable] = isSmall ? [1, height - 2] : [2, height - 3];
  const y = (value) => top + (1 - value) * usable;
  const x = (k) => (moments.length < 2 ? 0 : (k / (moments.length - 1)) * span);
  for (const [first, last] of runs(moments)) {
    draw.beginPath();
    for (let k = first; k <= last; k += 1) draw.lineTo(x(k), y(moments[k]));
    draw.strokeStyle = colour("music");
    draw.lineWidth = isSmall ? 1.5 : 2;
    draw.lineJoin = "round";
    const line = new Path2D();
    for (let k = first; k <= last; k += 1) line.lineTo(x(k), y(moments[k]));
    draw.lineTo(x(last), height);
    draw.lineTo(x(first), height);
    draw.fillStyle = colour("area");
    draw.fill();
    draw.stroke(line);
  }
  if (goodEnough === null) return;
  draw.setLineDash(isSmall ? [2, 3] : [3, 4]);
  draw.strokeStyle = colour("muted");
  draw.lineWidth = 1;
  draw.beginPath();
  draw.moveTo(0, y(goodEnough));
  draw.lineTo(width, y(goodEnough));
  draw.stroke();
  draw.setLineDash([]);
}

/** [first, last] of each stretch without a gap. */
export function runs(moments) {
  const found = [];
  moments.forEach((value, k) => {
    if (value === null) return;
    if (k > 0 && moments[k - 1] !== null && found.length) found.at(-1)[1] = k;
    else found.push([k, k]);
  });
  return found;
}

/** Thumbnails of a strip, as many as find room, over the whole lane. */
export function drawStrip(canvas, image, cells) {
  const { draw, width, height } = sized(canvas);
  const side = image.naturalHeight;
  const shown = Math.min(cells, Math.max(4, Math.round(width / height)));
  for (let k = 0; k < shown; k += 1) {
    const cell = Math.min(cells - 1, Math.floor(((k + 0.5) / shown) * cells));
    const wide = width / shown;
    const part = Math.min(side, (side * wide) / height);
    const tall = Math.min(side, (part * height) / wide);
    draw.drawImage(image, cell * side + (side - part) / 2, (side - tall) / 2, part, tall, k * wide, 0, wide + 0.5, height);
  }
}

/** Where the ruler has its marks: [second, ...], some five to nine of them. */
export function marks(duration, width) {
  const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
  const most = Math.max(2, Math.floor(width / 90));
  const step = steps.find((candidate) => duration / candidate <= most) ?? 7200;
  const found = [];
  for (let t = 0; t <= duration - step * 0.15 || t === 0; t += step) found.push(t);
  return found;
}
