// Plays a sound, or just a stretch of it.

export class Player {
  constructor(audio, recordings) {
    this.audio = audio;
    this.recordings = recordings;
    this.sound = null;
    this.until = null;
    audio.addEventListener("timeupdate", () => this.check()); // also where no frames are drawn
    audio.addEventListener("pause", () => { this.until = null; });
  }

  get isPlaying() {
    return !this.audio.hidden && !this.audio.paused;
  }

  /** Where in the sound the player is, in seconds; null if it has none. */
  get at() {
    return this.audio.hidden ? null : this.audio.currentTime;
  }

  /** Take a sound, as much of it as is there; say whether it can be played. */
  open(sound) {
    this.close();
    this.sound = sound;
    this.opening = this.load(sound);
    return this.opening;
  }

  async load(sound) {
    const file = await this.recordings.file(sound);
    if (!file || this.sound !== sound) return false;
    this.audio.src = URL.createObjectURL(file);
    const isReady = await new Promise((resolve) => {
      this.audio.onloadedmetadata = () => resolve(true);
      this.audio.onerror = () => resolve(false);
    });
    if (this.sound !== sound) return false;
    this.audio.hidden = !isReady;
    return isReady;
  }

  close() {
    this.audio.pause();
    this.audio.hidden = true;
    if (this.audio.src) URL.revokeObjectURL(this.audio.src);
    this.audio.removeAttribute("src");
    this.sound = null;
  }

  /** Play a stretch of a sound, and stop at its end. */
  async play(sound, fromS, toS) {
    let isReady = this.sound === sound && (await this.opening);
    const isWhole = isReady && toS <= this.audio.duration + 0.1; // a recording grows
    if (!isWhole) isReady = await this.open(sound);
    if (!isReady) throw new Error(`${sound.name}: the browser has no sound of it that it can play.`);
    this.audio.pause();
    this.audio.currentTime = fromS;
    await this.audio.play();
    this.until = toS;
  }

  /** Stop where the stretch ends; to be called often. */
  check() {
    if (this.until === null || this.audio.currentTime < this.until) return;
    this.audio.pause();
  }
}
