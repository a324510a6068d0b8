from hearthline.cli import main

main()
