// A recording of the microphone: processed while it is made, and kept.

import { MicrophoneSound } from "/sound.js";

/** Record until it is stopped; return its session, and the error or null. */
export async function listenTo(collection, recordings, makeSession) {
  const sound = collection.addSound(nameOf(new Date()), "microphone");
  const session = makeSession(sound, new MicrophoneSound(recordings.recorder(sound)));
  const error = await session.run();
  const { last } = session;
  if (last) collection.changeSound(sound, { state: "done", factor: last.busy_s / last.sound_s });
  else collection.changeSound(sound, { state: "stopped", error: error?.message ?? "" });
  return { session, error };
}

/** The name of its file, with the local time. */
function nameOf(now) {
  const local = new Date(now - 60_000 * now.getTimezoneOffset()).toISOString();
  return `microphone-${local.slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-")}.wav`;
}
