// Hands the microphone's samples on, in blocks of about 50 ms, channels averaged to one.
const SIZE = 2048;

class Blocks extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(SIZE);
    this.filled = 0;
    this.ended = false;
    this.port.onmessage = () => {
      const rest = this.block.slice(0, this.filled);
      this.port.postMessage({ rest }, [rest.buffer]);
      this.ended = true;
    };
  }

  process([channels]) {
    if (this.ended) return false;
    if (!channels.length) return true;
    for (let i = 0; i < channels[0].length; i += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.block[this.filled] = sum / channels.length;
      this.filled += 1;
      if (this.filled === SIZE) {
        this.port.postMessage({ block: this.block }, [this.block.buffer]);
        this.block = new Float32Array(SIZE);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("blocks", Blocks);
