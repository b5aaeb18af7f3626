"use strict";
(() => {
  const list = document.getElementById("cases");
  const sort = document.getElementById("sort");
  const inOrder = [...list.children];
  const figures = new Map(inOrder.map((one) => [one, JSON.parse(one.dataset.figures)]));

  // Worst first; what has no such figure comes last, in the order of the suite.
  const arrange = () => {
    const [key, better] = JSON.parse(sort.value || "[null, null]");
    const sign = better === "larger" ? 1 : -1;
    const value = (one) => {
      const figure = figures.get(one)[key];
      return typeof figure === "number" ? sign * figure : figure === "Infinity" ? sign * Infinity : NaN;
    };
    const known = inOrder.filter((one) => !Number.isNaN(value(one)));
    const rest = inOrder.filter((one) => Number.isNaN(value(one)));
    known.sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0));
    list.replaceChildren(...known, ...rest);
  };

  document.getElementById("order").hidden = false;
  sort.addEventListener("change", arrange);
  arrange();
})();
