// Pages with recordings and nothing else that moves: a contact's history, the moderators' calls.
import { startPlayer } from "../player.ts";

startPlayer();
