// Two clocks against the page's own: what a single look at them says is off by milliseconds, a median is not.

/** The median of the last looks at how far one clock is ahead of another, in seconds. */
export class Offset {
  constructor(size) {
    Object.assign(this, { size, looks: [] });
  }

  look(value) {
    this.looks.push(value);
    if (this.looks.length > this.size) this.looks.shift();
  }

  reset() {
    this.looks = [];
  }

  get count() {
    return this.looks.length;
  }

  get median() {
    const sorted = [...this.looks].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? NaN;
  }
}

/** Seconds of the page's clock. */
export function now() {
  return performance.now() / 1000;
}

/** How far the audio clock of what leaves the speaker is ahead of the page's clock. */
export function speakerOffset(context) {
  const stamp = context.getOutputTimestamp();
  if (stamp.contextTime) return stamp.contextTime - stamp.performanceTime / 1000;
  return context.currentTime - (context.outputLatency || context.baseLatency || 0) - now();
}
