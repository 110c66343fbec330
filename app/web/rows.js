element.addEventListener("click", (event) => {
  const row = event.target.closest("[data-rank]");
  if (row) trigger("click", { rank: Number(row.dataset.rank) });
});
