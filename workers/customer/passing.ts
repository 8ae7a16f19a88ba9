// An object that has become another one answers with that one's answer.

/**
 * The answer as one's own. What an RPC answers with has a disposer, which does nothing for plain data, but passed on it
 * would be one the caller has to call, and every answer would be held until he does.
 */
export async function passedOn<T>(reply: Promise<T>): Promise<T> {
  const answer = await reply;
  if (typeof answer === 'object' && answer !== null) Reflect.deleteProperty(answer, Symbol.dispose);
  return answer;
}
