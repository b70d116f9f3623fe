// libwebrtc, as npm's @roamhq/wrtc builds it: NetEQ plays by the clock of libwebrtc's own audio device.
// See __init__.py for the protocol. NODE_PATH names the folder that holds @roamhq/wrtc.
'use strict';
const fs = require('fs');
const readline = require('readline');
const {RTCPeerConnection, nonstandard: {RTCAudioSink}} = require('@roamhq/wrtc');

const say = (message) => process.stdout.write(JSON.stringify(message) + '\n');
const nowS = () => Number(process.hrtime.bigint()) / 1e9;

const connection = new RTCPeerConnection({iceServers: []});
const blocks = [];
const pcm = [];

connection.ontrack = (event) => {
  const sink = new RTCAudioSink(event.track);
  sink.ondata = ({samples, numberOfFrames, channelCount}) => {
    blocks.push([nowS(), numberOfFrames, channelCount]);
    pcm.push(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength));
  };
};

const gathered = () => new Promise((resolve) => {
  if (connection.iceGatheringState === 'complete') resolve();
  connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
});

const counters = async () => {
  let found = {};
  (await connection.getStats()).forEach((report) => {
    if (report.type === 'inbound-rtp' && report.kind === 'audio') found = report;
  });
  return found;
};

const handle = async (message) => {
  if (message.answer) {
    await connection.setRemoteDescription({type: 'answer', sdp: message.answer});
  } else if (message.do === 'count') {
    say({counters: await counters()});
  } else {
    const count = blocks.length;
    fs.writeFileSync(message.pcm, Buffer.concat(pcm.slice(0, count)));
    say({blocks: blocks.slice(0, count)});
  }
};

const main = async () => {
  connection.addTransceiver('audio', {direction: 'recvonly'});
  await connection.setLocalDescription(await connection.createOffer());
  await gathered();
  say({offer: connection.localDescription.sdp});
  for await (const line of readline.createInterface({input: process.stdin})) await handle(JSON.parse(line));
  process.exit(0);
};
main();
