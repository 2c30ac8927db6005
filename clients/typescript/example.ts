// The views of an article on each of the newest loaded days, and a problem that is handled.
// After `npm ci && npm run build`: node build/example.js http://127.0.0.1:8000
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];

// Which media types the answers have; without it, CSV as a string is among their types, too.
type Json = "application/json" | "application/problem+json";

const client = createClient<paths, Json>({ baseUrl: process.argv[2] ?? "http://127.0.0.1:8000" });

async function show(article: string): Promise<void> {
  const { data, error } = await client.GET("/api/v1/articles/{project}/{article}", {
    params: { path: { project: "fr.wikipedia", article }, query: { range: "latest-3" } },
  });
  if (error) return report(error);
  console.log(`${data.article}: ${data.summary.total ?? "unknown"} views`);
  for (const item of data.items) {
    if ("status" in item) console.log(`${item.date} ${item.views ?? "-"} ${item.status}`);
  }
}

function report(problem: Problem): void {
  const wait = problem.retry_after ? `; again in ${problem.retry_after} s` : "";
  console.log(`${problem.status} ${problem.title}: ${problem.detail}${wait}`);
}

await show("Strasbourg");
await show("strasbourg");
