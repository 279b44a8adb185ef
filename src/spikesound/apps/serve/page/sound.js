// The two sources of sound. Each calls take(message) for each message of the server, and returns
// when all is processed; stop() ends it early. An error is thrown with a sentence for the user; it
// is `refused` if the program refuses the sound, and `gone` if the program has ended.

const WAITING_S = 5; // of the microphone's sound may wait for the server, in seconds; more is dropped
const MICROPHONE = {
  NotAllowedError: "The browser may not use the microphone: allow it for this page, then try again.",
  NotFoundError: "No microphone was found: connect one, or choose a file.",
  NotReadableError: "The microphone is in use by another program.",
};

function gone() {
  return Object.assign(new Error("the program behind this page does not answer"), { gone: true });
}

export class FileSound {
  constructor(file) {
    this.file = file;
    this.control = new AbortController();
    this.stopped = false;
  }

  stop() {
    this.stopped = true;
    this.control.abort();
  }

  async run(take) {
    try {
      await this.read(take);
    } catch (error) {
      if (this.stopped) return;
      throw error instanceof TypeError ? gone() : error;
    }
  }

  async read(take) {
    const name = encodeURIComponent(this.file.name);
    const options = { method: "POST", body: this.file, signal: this.control.signal };
    const answer = await fetch(`/file?name=${name}`, options);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    let isWhole = false;
    const pass = (line) => {
      const message = checked(line);
      isWhole ||= message.sound_s !== undefined;
      take(message);
    };
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (text + value).split("\n");
      text = lines.pop();
      for (const line of lines) pass(line);
    }
    if (text) pass(text);
    if (!isWhole) throw gone();
  }
}

export class MicrophoneSound {
  /** record(block, rateHz) is called with each block that is sent, and without one at the end. */
  constructor(record) {
    this.record = record;
    this.droppedS = 0;
    this.rateHz = null;
  }

  stop() {
    this.stopped = true;
    if (this.node) this.node.port.postMessage("end");
    else this.close?.();
  }

  async run(take) {
    const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: raw });
    } catch (error) {
      throw new Error(MICROPHONE[error.name] ?? `The microphone cannot be used: ${error.message}`);
    }
    const context = new AudioContext();
    try {
      await context.audioWorklet.addModule("/worklet.js");
      await this.send(context, stream, take);
    } finally {
      this.record(null, context.sampleRate);
      for (const track of stream.getTracks()) track.stop();
      await context.close();
    }
  }

  send(context, stream, take) {
    return new Promise((resolve, reject) => {
      if (this.stopped) return resolve();
      const socket = new WebSocket(`ws://${location.host}/sound`);
      this.close = () => socket.close();
      let failed = null;
      this.rateHz = context.sampleRate;
      socket.onopen = () => {
        socket.send(JSON.stringify({ rate_hz: context.sampleRate }));
        const source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
        this.node = new AudioWorkletNode(context, "blocks", { numberOfOutputs: 1 });
        this.node.port.onmessage = ({ data }) => {
          this.pass(socket, data.block ?? data.rest, context.sampleRate, Boolean(data.rest));
        };
        source.connect(this.node).connect(context.destination); // it gives out silence
        stream.getTracks()[0].onended = () => this.stop();
      };
      socket.onmessage = ({ data }) => {
        try {
          take(checked(data));
        } catch (error) {
          failed = error;
          socket.close();
        }
      };
      socket.onclose = ({ code }) => {
        if (failed) reject(failed);
        else if (code === 1000 || this.stopped) resolve();
        else reject(gone());
      };
      return undefined;
    });
  }

  pass(socket, block, rateHz, last) {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > WAITING_S * rateHz * block.BYTES_PER_ELEMENT) {
      this.droppedS += block.length / rateHz;
    } else if (block.length) {
      socket.send(block);
      this.record(block, rateHz);
    }
    if (last) socket.send("end");
  }
}

function checked(line) {
  const message = JSON.parse(line);
  if (message.error) throw Object.assign(new Error(message.error), { refused: true });
  return message;
}
