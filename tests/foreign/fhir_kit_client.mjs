// Drives a live service with npm's fhir-kit-client and prints what it saw, as JSON.
// Argument: the address of /fhir. Given: {"chart": a transaction, "subject": whose decision it brings}.

import { text } from "node:stream/consumers";
import { Client } from "fhir-kit-client";

const baseUrl = process.argv[2];
const client = new Client({ baseUrl });
const { chart, subject } = JSON.parse(await text(process.stdin));
const status = (answer) => Client.httpFor(answer).response.status;
const refused = (request) =>
  request.then(() => "accepted", ({ response }) => [response.status, response.data.issue[0].code]);
const resourceType = "Patient";
const identifier = [{ system: "urn:fhir-kit-client", value: "MRN-1" }];
const condition = { identifier: "urn:fhir-kit-client|MRN-1" };
const seen = {};

const capabilities = await client.capabilityStatement();
seen.fhirVersion = capabilities.fhirVersion;
seen.mayUpdate = capabilities.rest[0].resource
  .find((one) => one.type === resourceType)
  .interaction.some((one) => one.code === "update");

const created = await client.create({ resourceType, body: { resourceType, identifier, gender: "female" } });
const { id } = created;
const options = { headers: { "If-None-Exist": "identifier=urn:fhir-kit-client|MRN-1" } };
const again = await client.create({ resourceType, body: { resourceType, identifier }, options });
seen.created = [status(created), created.meta.versionId];
seen.createdAgain = [status(again), again.id === id, again.gender];

const body = { ...created, birthDate: "1968-04-02" };
const updated = await client.update({ resourceType, id, body });
seen.updated = [status(updated), updated.meta.versionId, (await client.read({ resourceType, id })).birthDate];
const conditional = await client.update({
  resourceType,
  searchParams: condition,
  body: { resourceType, identifier, birthDate: "1968-04-03" },
});
seen.updatedByIdentifier = [status(conditional), conditional.id === id, conditional.meta.versionId];
const stale = { headers: { "If-Match": 'W/"1"' } };
seen.staleUpdate = await refused(client.update({ resourceType, id, body, options: stale }));
seen.patched = await refused(
  client.patch({ resourceType, id, jsonPatch: [{ op: "remove", path: "/gender" }] }),
);
seen.noDate = await refused(client.create({ resourceType, body: { resourceType, birthDate: "2024-02-30" } }));

seen.firstVersion = (await client.vread({ resourceType, id, version: "1" })).gender;
const history = await client.history({ resourceType, id });
seen.history = history.entry.map((one) => one.resource.meta.versionId);
const found = await client.search({ resourceType, searchParams: condition, options: { postSearch: true } });
seen.found = found.entry.map((one) => one.resource.id === id);

const response = await client.transaction({ body: chart });
seen.transaction = [response.type, response.entry.map((one) => one.response.status.slice(0, 3))];
seen.resolved = (await client.resolve({ reference: `${baseUrl}/${subject}` })).id;
const searchParams = { patient: subject, _count: 5, _sort: "date" };
let page = await client.search({ resourceType: "Procedure", searchParams });
seen.pages = [];
seen.visits = [];
while (page) {
  seen.pages.push(page.entry.length);
  seen.visits.push(...page.entry.map((one) => one.resource.performedDateTime));
  page = await client.nextPage({ bundle: page });
}

let decided;
for (let tries = 0; tries < 300 && !decided; tries++) {
  const answer = await client.search({ resourceType: "GuidanceResponse", searchParams: { patient: subject } });
  decided = answer.entry?.[0]?.resource;
  if (!decided) await new Promise((resolve) => setTimeout(resolve, 100));
}
seen.decision = decided;
const compartment = { resourceType, id: subject.split("/")[1] };
const tasks = await client.search({
  resourceType: "Task",
  compartment,
  searchParams: { _include: "Task:focus" },
});
seen.tasks = tasks.entry.map((one) => [one.search.mode, one.resource.resourceType, one.resource.status]);
const assessed = await client.operation({
  name: "assess",
  ...compartment,
  method: "GET",
  input: { asOf: "2020-01-01" },
});
seen.assessed = assessed.entry.map((one) => one.resource.resourceType);

seen.deleted = status(await client.delete({ resourceType, id }));
seen.gone = await refused(client.read({ resourceType, id }));
console.log(JSON.stringify(seen));
