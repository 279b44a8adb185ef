/* Pages opened as files may not start a worker, which the search runs in. A hidden frame, which runs
   the same script and passes messages on, takes its place. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      const inside = frame.contentWindow;
      this.ready = new Promise((resolve, reject) => {
        inside.importScripts = (...urls) =>
          urls.reduce((before, each) => before.then(() => load(each)), Promise.resolve());
        inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }));
        const load = each =>
          new Promise((done, failed) => {
            const script = inside.document.createElement("script");
            script.src = each;
            script.onload = done;
            script.onerror = failed;
            inside.document.head.appendChild(script);
          });
        load(url).then(resolve, reject);
      });
      this.inside = inside;
    }
    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {}
  };
}
