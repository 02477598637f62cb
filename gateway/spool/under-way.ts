// The appends that the log has not answered yet, in the order in which they were sent. A queue that lets go of its front once that
// is answered: a set would cost more than all the rest of a healthy append. What is answered behind an older one is kept until the
// older one is answered or taken out, which the spool's deadline bounds.

const answeredKeptMax = 1024

export class UnderWay<T extends { underWay: boolean }> {
  #sent: T[] = []
  #front = 0

  push (append: T): void {
    this.#sent.push(append)
  }

  /** The oldest one without an answer. */
  get oldest (): T | undefined {
    this.letGo()
    return this.#sent[this.#front]
  }

  /** To be called when one was answered. */
  letGo (): void {
    const sent = this.#sent
    while (this.#front < sent.length && !(sent[this.#front] as T).underWay) this.#front++
    if (this.#front === sent.length) sent.length = 0
    else if (this.#front > answeredKeptMax && this.#front * 2 > sent.length) sent.splice(0, this.#front)
    else return
    this.#front = 0
  }

  /** All without an answer, oldest first; none is left. */
  takeAll (): T[] {
    const taken = this.#sent.filter(append => append.underWay)
    this.#sent = []
    this.#front = 0
    return taken
  }
}
