"""The query page at ``/play``: as much of ClickHouse's own as a link of the assets needs.

The query is the address's fragment in base64, as there. Nothing runs before it is asked for: a link
could hold any statement.
"""

PAGE = b"""\
<!doctype html>
<meta charset="utf-8">
<title>ClickHouse of the sandbox</title>
<style>
body { font: 14px monospace; margin: 1em }
textarea { width: 100%; height: 8em; font: inherit; box-sizing: border-box }
</style>
<textarea id="query"></textarea>
<p><button id="run">Run</button> as <input id="user"> <input id="password" type="password"
placeholder="password"></p>
<pre id="rows"></pre>
<script>
const part = id => document.getElementById(id);
part("user").value = new URLSearchParams(location.search).get("user") || "default";
part("query").value = atob(location.hash.slice(1));
part("run").onclick = async () => {
  const headers = {"X-ClickHouse-User": part("user").value,
                   "X-ClickHouse-Key": part("password").value};
  const query = {method: "POST", headers, body: part("query").value};
  part("rows").textContent = await (await fetch("/?default_format=CSVWithNames", query)).text();
};
</script>
"""
