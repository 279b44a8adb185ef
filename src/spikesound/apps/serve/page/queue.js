// Files that wait, and the one that is processed. When the program ends, they wait until it answers
// again; a file that was under way then begins again, and what a person changed of it stays.

import { lengthOf } from "/recordings.js";
import { FileSound } from "/sound.js";

const ASK_MS = 1500; // between two questions whether the program answers again
const TRIES = 3; // of a file at which the program ends

export class Queue {
  /**
   * makeSession(sound, source) makes the session of each file, and ended(session, error) is called
   * after it; unanswered(is, isSame) as the program ends and as it answers again.
   */
  constructor({ program, collection, recordings, makeSession, ended, unanswered }) {
    Object.assign(this, { program, collection, recordings, makeSession, ended, unanswered });
    this.session = null;
    this.isAway = false;
  }

  async add(files) {
    const sounds = files.map((file) => {
      const sound = this.collection.addSound(file.name, "file");
      this.recordings.keepFile(sound, file);
      return sound;
    });
    this.next();
    return sounds;
  }

  /** Process a sound again, or one that was stopped. */
  again(sound) {
    sound.tries = 0;
    this.collection.changeSound(sound, { state: "waiting", error: "" });
    this.next();
  }

  stop(sound) {
    if (this.session?.sound === sound) this.session.stop();
    else if (sound.state === "waiting") this.collection.changeSound(sound, { state: "stopped" });
  }

  async next() {
    if (this.session || this.isAway) return;
    const sound = [...this.collection.sounds.values()].find((each) => each.state === "waiting");
    if (!sound) return;
    this.session = { sound, stop() { this.isStopped = true; } }; // until its file is read
    const placeholder = this.session;
    const file = await this.recordings.file(sound);
    if (!file || placeholder.isStopped) {
      const error = file ? "" : "The browser did not keep its sound: choose the file again.";
      this.collection.changeSound(sound, { state: "stopped", error });
    } else {
      await this.process(sound, file);
    }
    this.session = null;
    this.next();
  }

  async process(sound, file) {
    const source = new FileSound(file);
    lengthOf(file).then((seconds) => { sound.expected_s = seconds; });
    this.session = this.makeSession(sound, source);
    const error = await this.session.run();
    const { last, detections } = this.session;
    if (last) this.collection.changeSound(sound, { state: "done", factor: last.busy_s / last.sound_s });
    else if (source.stopped) this.collection.changeSound(sound, { state: "stopped" });
    else if (error?.refused) {
      if (sound.kind === "file") detections.refuse();
      this.collection.changeSound(sound, { state: "failed", error: error.message });
    } else {
      sound.tries = (sound.tries ?? 0) + 1;
      const error = `The program ended ${TRIES} times while it worked on this file.`;
      const isTried = sound.tries >= TRIES;
      this.collection.changeSound(sound, isTried ? { state: "failed", error } : { state: "waiting" });
      this.wait();
    }
    this.ended(this.session, error);
  }

  /** Wait until the program answers again, with the same detector. */
  wait() {
    if (this.isAway) return;
    this.isAway = true;
    this.unanswered(true, true);
    const ask = async () => {
      if (!(await this.program.answers())) return void setTimeout(ask, ASK_MS);
      const isSame = await this.program.isSame();
      this.isAway = !isSame;
      this.unanswered(false, isSame);
      return this.next();
    };
    setTimeout(ask, ASK_MS);
  }
}
