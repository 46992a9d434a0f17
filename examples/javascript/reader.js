// Reads pictures of one digit with a bundle, in the browser, by onnxruntime-web.

import * as ort from "onnxruntime-web";
import { prepare } from "./imaging.js";
import { unzip } from "./zip.js";

const NOT_A_DIGIT = "not a digit";

export class Reader {
  /** @param {Uint8Array} bytes a bundle. */
  static async open(bytes) {
    const members = await unzip(bytes);
    const about = JSON.parse(new TextDecoder().decode(members.get("bundle.json")));
    if (about.schema !== 1) throw new Error(`schema ${about.schema}, this example knows 1`);
    ort.env.wasm.numThreads = 1; // more need a page that is isolated across origins
    const session = await ort.InferenceSession.create(members.get("model.onnx"));
    return new Reader(about, session, members);
  }

  constructor(about, session, members) {
    Object.assign(this, { about, session, members });
  }

  /** A picture (see imaging.js) as the network's input, or null on paper that is not even. */
  prepare(picture) {
    return prepare(picture, this.about.input.size, this.about.input.normalisation);
  }

  /** Network inputs, one Uint8Array a picture -> one Float32Array of probabilities each. */
  async probabilities(inputs) {
    const { size, scaling } = this.about.input;
    const image = new Float32Array(inputs.length * size * size);
    inputs.forEach((input, n) =>
      input.forEach((level, i) => (image[n * size * size + i] = level / scaling.divide_by)),
    );
    const tensor = new ort.Tensor("float32", image, [inputs.length, size, size, 1]);
    const { probabilities } = await this.session.run({ image: tensor });
    const width = this.about.classes.length;
    return inputs.map((_, n) => probabilities.data.slice(n * width, (n + 1) * width));
  }

  /** {text, value, probability, reason}; `reason` says why the answer is refused, or is null. */
  async read(picture) {
    const input = this.prepare(picture);
    if (!input) return { text: "", value: null, probability: 0, reason: "paper that is not even" };
    const [answers] = await this.probabilities([input]);
    const row = softened(Array.from(answers), this.about.calibration.temperature);
    const texts = this.about.classes.map((entry) => entry.text);
    const digits = texts.flatMap((text, i) => (text === NOT_A_DIGIT ? [] : [i]));
    const best = digits.reduce((a, b) => (row[b] > row[a] ? b : a));
    const reason = input.some((level) => level > 0) ? this.#refusal(row, best, texts) : "no ink found";
    return { ...this.about.classes[best], probability: row[best], reason };
  }

  #refusal(row, best, texts) {
    const none = row[texts.indexOf(NOT_A_DIGIT)] ?? 0;
    const outside = this.about.out_of_distribution;
    if (none > row[best] || (outside && none >= outside.threshold)) return NOT_A_DIGIT;
    const others = row.reduce(
      (sum, value, i) => (i === best || texts[i] === NOT_A_DIGIT ? sum : sum + value),
      0,
    );
    const { threshold } = this.about.reject;
    const sure = 1 - others / (others + row[best]);
    return threshold !== null && sure < threshold ? "below threshold" : null;
  }
}

/** Softmax of the logits divided by a temperature; null changes nothing. */
function softened(row, temperature) {
  if (temperature === null) return row;
  const powers = row.map((value) => Math.max(value, 1.1754943508222875e-38) ** (1 / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}
