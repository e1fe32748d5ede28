"""The pages' one script. Without it nothing is missing: it shows how long ago things were, filters the overview, and
says when a page is old or was opened by a signed link."""

SCRIPT = """
(function () {
  var now = Date.now(), minute = 60000;
  function ago(time) {
    var minutes = Math.round((now - time) / minute);
    if (minutes < 0) return "";
    if (minutes < 90) return minutes + " min ago";
    return minutes < 2880 ? Math.round(minutes / 60) + " h ago" : Math.round(minutes / 1440) + " days ago";
  }
  document.querySelectorAll("time").forEach(function (each) {
    var text = ago(Date.parse(each.dateTime));
    if (text) { each.title = each.textContent; each.textContent = text; }
  });
  var built = document.querySelector("[data-built]"), old = document.getElementById("old");
  if (built && old && now - Date.parse(built.getAttribute("data-built")) > 180 * minute) old.hidden = false;
  var signed = document.getElementById("signed");
  if (signed && /[?&](X-Amz-)?Signature=/.test(location.search)) signed.hidden = false;
  var box = document.getElementById("filter"), count = document.getElementById("count");
  if (!box) return;
  box.parentElement.hidden = false;
  box.addEventListener("input", function () {
    var words = box.value.toLowerCase().split(/\\s+/), shown = 0;
    document.querySelectorAll("#fleet tbody tr").forEach(function (row) {
      var text = row.textContent.toLowerCase();
      row.hidden = !words.every(function (word) { return text.indexOf(word) >= 0; });
      if (!row.hidden) shown += 1;
    });
    count.textContent = shown + " shown";
  });
})();
"""
