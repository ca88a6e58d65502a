// Calls of the AWS SDK with default settings: reads {call, inputs, pageSize} from stdin, sends all inputs at once with
// one client, and prints for each {output} or {error}, and the protocol that the client chose.
import * as control from "@aws-sdk/client-bedrock";
import * as runtime from "@aws-sdk/client-bedrock-runtime";
import { text } from "node:stream/consumers";

const { call, inputs, pageSize } = JSON.parse(await text(process.stdin));

const isRuntime = `${call}Command` in runtime;
const client = isRuntime ? new runtime.BedrockRuntimeClient() : new control.BedrockClient();

async function send(input) {
  if (call.startsWith("paginate")) {
    const pages = [];
    for await (const page of control[call]({ client, pageSize }, input)) pages.push(page);
    return { pages };
  }
  const Command = (isRuntime ? runtime : control)[`${call}Command`];
  const output = await client.send(new Command(input));
  const stream = output.stream ?? (output.body?.[Symbol.asyncIterator] && !output.body.transformToString ? output.body : null);
  if (stream) return { events: await collected(stream) };
  return output.body ? { ...output, body: output.body.transformToString() } : output;
}

async function collected(stream) {
  const events = [];
  for await (const event of stream) {
    events.push(event.chunk ? JSON.parse(new TextDecoder().decode(event.chunk.bytes)) : event);
  }
  return events;
}

async function outcome(input) {
  try {
    return { output: await send(input) };
  } catch (error) {
    return {
      error: {
        name: error.name,
        class: error.constructor.name,
        message: error.message,
        fault: error.$fault,
        status: error.$metadata?.httpStatusCode,
        requestId: error.$metadata?.requestId,
      },
    };
  }
}

const outcomes = await Promise.all(inputs.map(outcome));
console.log(JSON.stringify({ protocol: client.config.requestHandler.metadata?.handlerProtocol, outcomes }));
client.destroy();
