"use strict";
(() => {
  const list = document.getElementById("cases");
  const sort = document.getElementById("sort");
  const inOrder = [...list.children];
  const figures = new Map(inOrder.map((one) => [one, JSON.parse(one.dataset.figures)]));

  // Worst first; what has no such figure comes last, in the order of the suite.
  const arrange = () => {
    const [key, better] = JSON.parse(sort.value || "[null, null]");
    const badness = {
      larger: (figure) => -figure,
      smaller: (figure) => figure,
      "nearer to 1": (figure) => Math.abs(figure - 1),
    };
    const value = (one) => {
      const figure = figures.get(one)[key];
      const known = typeof figure === "number" || figure === "Infinity";
      return known ? badness[better](Number(figure)) : NaN;
    };
    const known = inOrder.filter((one) => !Number.isNaN(value(one)));
    const rest = inOrder.filter((one) => Number.isNaN(value(one)));
    known.sort((a, b) => (value(a) > value(b) ? -1 : value(a) < value(b) ? 1 : 0));
    list.replaceChildren(...known, ...rest);
  };

  document.getElementById("order").hidden = false;
  sort.addEventListener("change", arrange);
  arrange();
})();
