// The program that serves the page: its detector, and whether it still answers.

export class Program {
  /** The detector as the program describes it; where it does not answer, as the browser kept it. */
  async describe() {
    this.described = await (await fetch("/model")).text();
    return JSON.parse(this.described);
  }

  async answers() {
    const answer = await fetch("/model", { method: "HEAD" }).catch(() => null); // kept by no one
    return Boolean(answer?.ok);
  }

  /** Whether it serves the detector that this page was made for. */
  async isSame() {
    return (await (await fetch("/model")).text()) === this.described;
  }
}
