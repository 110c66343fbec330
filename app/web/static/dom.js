// Small makers of elements and words. Text from files and tags goes into text nodes, and nowhere else.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  play: [16, "M4.500 2.500v11l9-5.500z", true],
  pause: [16, "M4 2.500h3v11H4zM9 2.500h3v11H9z", true],
  tick: [16, "M2.500 8.500l3.500 3.500 7.500-8"],
  half: [16, "M8 2a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM8 2v12M9 3v10M10 3v10M11 3.500v9M12 4.500v7M13 6v4"],
  ring: [16, "M8 2a6 6 0 1 0 0 12 6 6 0 0 0 0-12z"],
  back: [14, "M9 2L4 7l5 5"],
  next: [14, "M5 2l5 5-5 5"],
  wrong: [16, "M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zM8 4.500v4M8 11v.1"],
};

/** An element with properties (`text`, `class`, `on...`, any attribute) and children. */
export function el(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "text") made.textContent = value;
    else if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A drawn sign; words stand beside it or in a label. */
export function icon(name) {
  const [size, path, filled] = ICONS[name];
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ width: size, height: size, viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" })) svg.setAttribute(key, value);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  if (filled) line.setAttribute("style", "fill:currentColor;stroke:none");
  svg.append(line);
  return svg;
}

/** Seconds as m:ss, or h:mm:ss from an hour. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Seconds as m:ss.t. */
export function clockTenths(seconds) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  return `${clock(Math.floor(tenths / 10))}.${tenths % 10}`;
}

/** Seconds as they are read aloud. */
export function spoken(seconds) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const minutes = Math.floor(tenths / 600);
  const rest = (tenths - minutes * 600) / 10;
  return `${minutes} ${minutes === 1 ? "minute" : "minutes"} ${rest} seconds`;
}

/** Whole numbers with separators: 1,204. */
export function count(number) {
  return Number(number).toLocaleString("en-GB");
}

/** `1 track`, `3 tracks`. */
export function several(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

/** Time left, in words. */
export function timeLeft(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `About ${several(Math.max(1, Math.round(seconds)), "second")} left`;
  if (seconds < 5400) return `About ${Math.round(seconds / 60)} min left`;
  return `About ${Math.round(seconds / 3600)} h left`;
}

/** A colour of the tokens, as it is now. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Sets text only where it differs, so that nothing is read aloud twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
