"""`ashore prefer`: pairs of clips are shown or judged, a reward is fitted to the answers, the policy improves against it."""
