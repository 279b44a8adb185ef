// What the page keeps in the browser's own database, so that it is there after a reload, and without
// the program that served the page.

const STORES = { sounds: { keyPath: "id" }, events: { keyPath: "id" }, audio: {} };

export class Store {
  /** database: null where the browser keeps nothing; failed(error) is called when something is not kept. */
  constructor(database, failed) {
    this.database = database;
    this.failed = failed;
    this.writing = 0;
  }

  static async open(failed) {
    try {
      const asked = indexedDB.open("spikesound", 1);
      asked.onupgradeneeded = () => {
        for (const [name, options] of Object.entries(STORES)) asked.result.createObjectStore(name, options);
      };
      return new Store(await settled(asked), failed);
    } catch (error) {
      failed(error);
      return new Store(null, failed);
    }
  }

  /** Keep values; keys are given for audio only. */
  put(store, values, keys = []) {
    return this.write(store, (place) => values.forEach((value, i) => place.put(value, keys[i])));
  }

  /** Remove keys, or ranges of keys. */
  remove(store, keys) {
    return this.write(store, (place) => keys.forEach((key) => place.delete(key)));
  }

  async write(store, work) {
    if (!this.database) return;
    this.writing += 1;
    try {
      const transaction = this.database.transaction(store, "readwrite");
      work(transaction.objectStore(store));
      await new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
      });
    } catch (error) {
      this.failed(error);
    } finally {
      this.writing -= 1;
    }
  }

  /** All values of a store, by key; of a range of keys where one is given. */
  async all(store, range) {
    if (!this.database) return [];
    return settled(this.database.transaction(store).objectStore(store).getAll(range));
  }
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("the database is in use"));
  });
}
